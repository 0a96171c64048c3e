// A small site for the tests: one of each kind of tag, and the parts that a test replaces.

import { vi } from "vitest";
import type { ChoiceId, Choices, Config, Recorded, SiteTag } from "../../static/src/core/types.ts";
import type { Answer, ConsentBody } from "../../static/src/io/api.ts";
import { toMaps } from "../../static/src/core/apply.ts";
import type { Device } from "../../static/src/device.ts";
import type { Catalogue } from "../../static/src/io/catalogue.ts";
import type { Kept } from "../../static/src/io/database.ts";
import { newKey } from "../../static/src/io/key.ts";
import type { Entry, Store } from "../../static/src/io/store.ts";
import type { Host, Part } from "../../static/src/loader.ts";

export const ENDPOINT = "https://consent.kloset.example";

type Tags = Config["tags"];

const NOTICE = 3;

export function site(more: Partial<Config> = {}): Config {
  // As `reduce_tags` of tracking/gate/rules.py writes them for Japan: notice is enough for what the
  // site does itself, a browser signal shuts advertising.
  const tags: Tags = {
    cart: { needed: ["partner:shop", "purpose:necessary"], exempt: true, since: 1 },
    stats: {
      needed: ["partner:google", "purpose:analytics", "item:id.cookie"],
      optional: ["item:attr.gender"],
      since: 1,
      cookies: ["_ga", "_ga_*"],
      storage_keys: ["ga.*"],
    },
    ads: {
      needed: ["partner:criteo", "purpose:advertising", "item:id.cookie"],
      signal: true,
      since: 1,
      cookies: ["cto_bundle"],
    },
    more_ads: {
      needed: ["partner:line", "purpose:advertising"],
      signal: true,
      since: 1,
      cookies: ["_shared"],
    },
    own: {
      needed: ["partner:shop", "purpose:analytics"],
      notice: true,
      since: 1,
      cookies: ["_shared"],
    },
    video: { needed: ["partner:youtube", "purpose:functional"], since: 1 },
    by_address: {
      needed: ["partner:google", "purpose:analytics"],
      since: 1,
      loader_url: "https://tags.example/t.js",
    },
  };
  const ids = [
    "purpose:necessary",
    "purpose:analytics",
    "purpose:advertising",
    "purpose:functional",
    "item:id.cookie",
    "item:attr.gender",
    "partner:shop",
    "partner:google",
    "partner:criteo",
    "partner:line",
    "partner:youtube",
  ];
  return {
    site: "kloset",
    endpoint: ENDPOINT,
    notice: NOTICE,
    presentation: "bar",
    wording: { ja: words("ja"), en: words("en") },
    more_languages: ["ko"],
    ids: Object.fromEntries(ids.map((id, i) => [id, [i * 3, 1]])),
    signalled: ["purpose:advertising"],
    outlives: false,
    renew_days: { granted: 365, refused: 180 },
    tags,
    styles: "",
    parts: "0a",
    ...more,
  };
}

/** What changes in the configuration when these ids mean more since the newest notice. */
export function meaningMore(...ids: ChoiceId[]): Pick<Config, "ids" | "tags"> {
  const { ids: numbers, tags } = site();
  return {
    ids: Object.fromEntries(
      Object.entries(numbers).map(([id, [number, since]]) => [
        id,
        [number, ids.includes(id) ? NOTICE : since],
      ]),
    ),
    tags: Object.fromEntries(
      Object.entries(tags).map(([code, tag]): [string, SiteTag] => [
        code,
        { ...tag, since: tag.needed.some((id) => ids.includes(id)) ? NOTICE : tag.since },
      ]),
    ),
  };
}

/** Words that name their language and their key, and show what can be filled in. */
export const words = (language: string): Record<string, string> =>
  Object.fromEntries(
    [
      "banner_title",
      "banner_body",
      "banner_link",
      "allow",
      "refuse",
      "refuse_changed",
      "choose",
      "settings_link",
      "gpc_honoured",
      "placeholder_title",
      "placeholder_body",
      "placeholder_why",
      "placeholder_once",
      "placeholder_always",
      "offline_note",
      "saved",
      "saved_withdrawn",
      "on_by_notice",
      "changed_lead",
      "changed_new",
      "changed_more",
      "expired_lead",
      "reload_note",
      "prefs_title",
      "save",
      "allow_all",
      "refuse_all",
      "role_third_party",
      "policy_link",
      "optout_link",
    ].map((key) => [key, `${language} ${key} {partner}{names}`]),
  );

const named = (codes: string[]) =>
  codes.map((code) => ({ code, name: `${code} name`, description: `${code} text` }));

/** What the service says of the notice in one language. */
export function catalogue(wording: Record<string, string> = words("ja")): Catalogue {
  const tagsOf = (partner: string) =>
    Object.entries(site().tags)
      .filter(([, tag]) => tag.needed[0] === "partner:" + partner && !tag.exempt)
      .map(([code]) => ({ code, name: `${code} tag` }));
  return {
    language: "ja",
    wording,
    purposes: named(["necessary", "analytics", "advertising", "functional"]).map((one) => ({
      ...one,
      is_necessary: one.code === "necessary",
    })),
    data_items: named(["id.cookie", "attr.gender", "unused"]),
    partners: ["shop", "google", "criteo", "line", "youtube"].map((code) => ({
      code,
      legal_name: `${code} Inc.`,
      service_name: code,
      country: "JP",
      role: "third_party",
      policy_url: "https://p.example/",
      optout_url: "javascript:alert(1)",
      purposes: ["analytics"],
      required_items: ["id.cookie"],
      optional_items: [],
      tags: tagsOf(code),
    })),
    hold: { mode: "off", hosts: {} },
    choices: null,
  };
}

export function chosen(more: Partial<Choices> = {}): Choices {
  return {
    granted: [],
    refused: [],
    decided_at: Math.floor(Date.now() / 1000) - 60,
    notice: 3,
    with_signal: false,
    seq: 5,
    ...more,
  };
}

/** A decision that waits for the service. */
export function entry(
  seq: number,
  method: ConsentBody["method"] = "refuse",
  refuses = method !== "allow",
  choices: Choices = chosen({ seq }),
): Entry {
  const key = newKey();
  return {
    idempotency_key: key,
    body: {
      site: "kloset",
      notice: NOTICE,
      idempotency_key: key,
      client_seq: seq,
      method,
      surface: "bar",
      language: "ja",
      device_seed: key,
      ...(method !== "refuse" && { purposes: { analytics: !refuses } }),
    },
    choices,
    refuses,
  };
}

/** The same as the page that took it keeps it. */
export const keptOf = (choices: Choices, more: Partial<Kept> = {}): Kept => ({
  idempotency_key: newKey(),
  device_seed: newKey(),
  choices,
  method: "refuse",
  surface: "bar",
  language: "ja",
  ...more,
});

/** What a page that is opened now finds in the database. `made`: what it decided itself. */
export async function openStore(made: (Kept | Entry)[] = [], settings = site()): Promise<Store> {
  vi.resetModules();
  const { createStore } = await import("../../static/src/io/store.ts");
  return createStore(settings, made);
}

/** Leave something in the database, as an earlier page did. */
export async function putInDatabase(...rows: (Kept | Entry)[]): Promise<void> {
  vi.resetModules();
  const { inDatabase } = await import("../../static/src/io/database.ts");
  for (const row of rows) await inDatabase((store) => store.put(row));
}

/** What waits for the service; the newest acknowledged one stays beside it. */
export const waiting = async (store: Store): Promise<Entry[]> =>
  (await store.all()).filter((one) => !one.is_sent);

/** What the service answers to a decision; `known`: the choices that it then has. */
export const recorded = (known: Choices = chosen()): Partial<Answer<Recorded>> => ({
  status: 201,
  body: {
    receipt: { key: "r", recorded_at: "", method: "choose", choices: toMaps(new Map()) },
    choices: known,
    deliveries: [],
  },
});

type Reply = number | ((body: ConsentBody) => Partial<Answer<Recorded>>);

/** A service that answers as told; the last reply is repeated. */
export function fakeApi(...replies: Reply[]) {
  const sent: ConsentBody[] = [];
  return {
    sent,
    replies,
    async record(body: ConsentBody): Promise<Answer<Recorded>> {
      sent.push(body);
      const reply = replies.length > 1 ? replies.shift()! : (replies[0] ?? 201);
      const answer = typeof reply === "number" ? { status: reply } : reply(body);
      return { status: 201, body: null, retryAfter: 0, ...answer };
    },
  };
}

/** Let `fetch` reach the fake service: decisions, and proofs for them. */
export function serveConsents(api: ReturnType<typeof fakeApi>): void {
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    if (url.endsWith("/v1/shown")) return Response.json({ impression: "proof" });
    const { status, body } = await api.record(JSON.parse(init.body as string) as ConsentBody);
    if (!status) throw new TypeError("offline");
    return new Response(JSON.stringify(body), { status });
  });
}

const ENTRIES: Record<string, () => Promise<unknown>> = {
  act: () => import("../../static/src/act.ts"),
  send: () => import("../../static/src/send.ts"),
  later: () => import("../../static/src/later.ts"),
  preferences: () => import("../../static/src/preferences.ts"),
  debug: () => import("../../static/src/debug.ts"),
  views: () => import("../../static/src/views.ts"),
};

/** Translate the entries once, so that no test waits for that. What they answer does not count. */
export async function warmUp(): Promise<void> {
  for (const run of Object.values(ENTRIES)) await run().catch(() => {});
  vi.resetModules();
}

let running: Promise<void> = Promise.resolve();

/** Do it as the script of this element: while it runs, that is the document's current one. */
export function runAs(script: object, run: () => Promise<unknown>): Promise<void> {
  const done = running.then(async () => {
    Object.defineProperty(document, "currentScript", { value: script, configurable: true });
    try {
      await run();
    } finally {
      delete (document as { currentScript?: unknown }).currentScript;
    }
  });
  // One after the other, as in a browser.
  running = done.catch(() => {});
  return done;
}

/** One of the scripts that come later, for a host that a test has made; afresh for each. */
export async function runEntry<T>(name: string, host: Host): Promise<T> {
  let part: T;
  vi.resetModules();
  const cm = { host, resolve: (found: T) => void (part = found) };
  await runAs({ cm }, ENTRIES[name]!);
  return part!;
}

/** The part of the service from which the loader fetches scripts. */
export interface Scripts {
  /** From now on they cannot be loaded. */
  isAway: boolean;
  /** Except these, which the browser has kept. */
  kept: string[];
  /** Names, in the order in which they were asked for. */
  fetched: string[];
  /** Everything asked for has run. */
  rest(): Promise<void>;
}

export function serveScripts(): Scripts {
  const scripts: Scripts = {
    isAway: false,
    kept: [],
    fetched: [],
    async rest() {
      let known;
      do {
        await (known = running);
        await settle();
      } while (known !== running);
    },
  };
  new MutationObserver((records) => {
    for (const node of records.flatMap((record) => [...record.addedNodes])) {
      const name = /\/b\/(\w+)\//.exec((node as Partial<Part<unknown>>).src ?? "")?.[1];
      if (!name) continue;
      const script = node as Part<unknown>;
      scripts.fetched.push(name);
      if (scripts.isAway && !scripts.kept.includes(name)) script.onerror!(new Event("error"));
      else void runAs(script, ENTRIES[name]!);
    }
  }).observe(document.head, { childList: true });
  return scripts;
}

/** Why each tag may run, or may not. */
export const reasons = (device: Device): Record<string, string> =>
  Object.fromEntries(Object.entries(device.decisions()).map(([code, { reason }]) => [code, reason]));

// Also where a test has taken the clock over.
const realTimeout = setTimeout;

/** Let what was started come to rest: many turns of the event loop, however slow the machine. */
export async function settle(turns = 30): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((done) => realTimeout(done, 1));
}

/** Let the page be painted, and what waits for the frame after that be done. */
export async function frames(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((done) => requestAnimationFrame(done));
}

/** In place of the browser's `location`, whose `reload` cannot be watched. */
export function watchReload() {
  const reload = vi.fn();
  const { hostname, pathname, protocol, href, origin } = location;
  vi.stubGlobal("location", { hostname, pathname, protocol, href, origin, reload });
  return reload;
}

// jsdom has no layout and is never idle: nothing changes its size, and idle work comes next.
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
globalThis.requestIdleCallback ??= ((work: () => void) =>
  realTimeout(work) as unknown as number) as typeof requestIdleCallback;

// jsdom has no style sheets that a script makes.
CSSStyleSheet.prototype.replaceSync ??= () => {};
ShadowRoot.prototype.adoptedStyleSheets ??= [];

export function clearBrowser(): void {
  for (const pair of document.cookie.split(/; */)) {
    document.cookie = `${pair.split("=")[0]}=;Max-Age=0;Path=/`;
    document.cookie = `${pair.split("=")[0]}=;Max-Age=0;Path=/shop`;
  }
  localStorage.clear();
  sessionStorage.clear();
  document.head.replaceChildren();
  document.body.replaceChildren();
}

const undo: (() => void)[] = [];

/** Window and document outlive a test; what the code under test hung on them must not. */
export function isolate(): void {
  for (const target of [globalThis as unknown as EventTarget, document]) {
    const native = target.addEventListener;
    target.addEventListener = (...args: Parameters<typeof native>) => {
      undo.push(() => target.removeEventListener(...args));
      native.apply(target, args);
    };
    undo.push(() => (target.addEventListener = native));
  }
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    const timer = setTimeout(...args);
    undo.push(() => clearTimeout(timer));
    return timer;
  }) as typeof setTimeout;
  undo.push(() => (globalThis.setTimeout = setTimeout));
  const Native = MutationObserver;
  globalThis.MutationObserver = class extends Native {
    constructor(callback: MutationCallback) {
      super(callback);
      undo.push(() => this.disconnect());
    }
  };
  undo.push(() => (globalThis.MutationObserver = Native));
}

export function release(): void {
  for (const step of undo.splice(0).reverse()) step();
}
