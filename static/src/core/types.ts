// The shapes that travel between the service, the stored cookie and the page. Types only.

import type { HoldTerms } from "../effects/verdict.ts";

export type Language = string;
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
  /** The service has not acknowledged it yet. */
  is_unsent?: boolean;
}

/** What `decide` reads of the stored choices. */
export type Answered = Omit<Choices, "seq">;

/**
 * What is left to decide about a tag once notice, regime and quarantine are known: the service
 * works that out (`reduce_tags` in tracking/gate/rules.py). A key that says nothing is left out.
 */
export interface PageTag {
  /** Ids that must all be granted: the partner, then purposes, then data items. */
  needed: ChoiceId[];
  /** Data items that it may be given. */
  optional?: ChoiceId[];
  /** Strictly necessary. */
  exempt?: boolean;
  /** Shut for everybody, for this reason. */
  shut?: string;
  /** Epoch seconds before which it is not yet effective. */
  from?: number;
  /** A browser signal shuts it. */
  signal?: boolean;
  /** Before a choice, having been shown the notice is enough. */
  notice?: boolean;
  /** Number of the notice version since which all of its ids mean what they mean now. */
  since: number;
}

/** Of the regime, what a stored decision is measured by. */
export interface Terms {
  /** A grant outlives a browser signal that came after it. */
  outlives: boolean;
  renew_days: { granted: number; refused: number };
}

export interface Decision {
  allowed: boolean;
  reason: string;
  /** Codes of the data items that an allowed tag must not be given. */
  withheld: string[];
}

export interface SiteTag extends PageTag {
  cookies?: string[];
  storage_keys?: string[];
  loader_url?: string;
  /** Whose consent call has to be made for it, and the natures of its purposes. */
  vendor?: string;
  natures?: string[];
}

/** One way to ask: what it says and shows otherwise than the published notice. */
export interface Arm {
  code: string;
  /** Percent of the visitors. */
  share: number;
  wording?: Record<Language, Wording>;
  presentation?: Config["presentation"];
  styles?: string;
}

/** What the service puts in front of the loader as `CM_CONFIG`. */
export interface Config extends Terms {
  site: string;
  /** Origin of the service; empty = the origin that this script came from. */
  endpoint: string;
  notice: number;
  presentation: "bar" | "card" | "dialog" | "link";
  /** What a first layer that is not a bar, and the languages of `wording`, add to its styles. */
  styles: string;
  wording: Record<Language, Wording>;
  /** Further languages, whose wording has to be fetched. */
  more_languages: Language[];
  /** Choice id → its number in the stored bits, and the notice version since which it means this. */
  ids: Record<ChoiceId, [number: number, since: number]>;
  /** Purposes that the browser signal speaks of. */
  signalled: ChoiceId[];
  tags: Record<string, SiteTag>;
  /** Only while an experiment runs; `until`, epoch seconds: its planned end. */
  experiment?: { code: string; until: number; arms: Arm[] };
  /** Only where partners keep in cookies what they call this browser: by partner and kind. */
  identifiers?: Record<string, Record<string, string>>;
  /** Only where requests of tags that are not marked are held. */
  hold?: HoldTerms;
  /** Only where page views are counted. */
  views?: true;
  /** Only in a pinned script: what its parts must be (Subresource Integrity), by name. */
  integrity?: Record<string, string>;
  /** The arm of the experiment that this browser is in, where one runs. */
  variant?: string;
  /** In the addresses of the scripts that come later: changes when any of them does. */
  parts: string;
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

/** What partners call this browser: partner → kind → value. */
export type Identifiers = Record<string, Record<string, string>>;

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
