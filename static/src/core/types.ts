// The shapes that travel between the service, the stored cookie and the page. Types only.

export type Language = string;
export type Text = Record<Language, string>;
export type Wording = Record<string, string>;

/** A choice id is `purpose:<code>`, `item:<code>` or `partner:<code>`. */
export type ChoiceId = string;

export interface Choices {
  granted: ChoiceId[];
  refused: ChoiceId[];
  /** Epoch seconds. */
  decided_at: number;
  /** Number of the notice version that was answered. */
  notice: number;
  /** A browser signal (GPC) was present, and seen, when this was decided. */
  with_signal: boolean;
  /** Counts this device's decisions; the newest wins. */
  seq: number;
}

/** What `decide` reads of the stored choices. */
export type Answered = Omit<Choices, "seq">;

export interface NoticeTag {
  partner: string;
  purposes: string[];
  required_items: string[];
  optional_items: string[];
  transport: string;
  exempt: boolean;
}

export interface Notice<Tag extends NoticeTag = NoticeTag> {
  number: number;
  tags: Record<string, Tag>;
  /** Purpose code → nature. */
  natures: Record<string, string>;
  partners: Record<string, { role: string; effective_at: number | null }>;
  /** Choice id → number of the notice version since which it means what it means now. */
  material_since: Record<ChoiceId, number>;
}

export interface Regime {
  code: string;
  notice_natures: Record<string, string[]>;
  notice_roles: string[];
  signal: { natures: string[]; grant_outlives: boolean };
  renew_days: { granted: number; refused: number };
}

export interface Signals {
  gpc: boolean;
}

export interface Decision {
  allowed: boolean;
  reason: string;
  /** Codes of the data items that an allowed tag must not be given. */
  withheld: string[];
}

export interface SiteTag extends NoticeTag {
  hosts: string[];
  cookies: string[];
  storage_keys: string[];
  name: Text;
  loader_url: string;
}

/** What the service puts in front of the loader as `CM_CONFIG`. */
export interface Config extends Omit<Notice<SiteTag>, "number"> {
  site: string;
  /** Origin of the service; empty = the origin that this script came from. */
  endpoint: string;
  notice: { number: number; hash: string };
  languages: Language[];
  presentation: "bar" | "card" | "dialog" | "link";
  wording: Record<Language, Wording>;
  regime: Regime;
  numbers: Record<ChoiceId, number>;
  /** Legal names of the partners that a placeholder may have to name. */
  partner_names?: Record<string, Text>;
  overdue: string[];
  urls: { preferences: string; transmission: string; preferences_js: string };
}

export type Method = "allow" | "refuse" | "choose" | "withdraw" | "signal";
export type Surface = "bar" | "card" | "dialog" | "link" | "preferences" | "page" | "api";
export type Answers = Record<string, boolean>;

/** Choices as the HTTP API and the page API write them: three maps, code → granted. */
export interface Maps {
  purposes: Answers;
  data_items: Answers;
  partners: Answers;
}

export interface Receipt {
  key: string;
  recorded_at: string;
  method: Method;
  choices: Maps;
}

/** Answer of `POST /v1/consents`. */
export interface Recorded {
  receipt: Receipt;
  choices: Choices;
  deliveries: { partner: string; status: string; due_at: string }[];
  device_token?: string;
}
