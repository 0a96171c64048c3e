// A small site for the tests: one of each kind of tag, and the parts that a test replaces.

import type { Choices, Config, Recorded, SiteTag } from "../../static/src/core/types.ts";
import type { Answer, ConsentBody } from "../../static/src/io/api.ts";

function tag(more: Partial<SiteTag> & Pick<SiteTag, "partner" | "purposes">): SiteTag {
  return {
    required_items: [],
    optional_items: [],
    transport: "client",
    exempt: false,
    hosts: [],
    cookies: [],
    storage_keys: [],
    name: { ja: more.partner, en: more.partner },
    loader_url: "",
    ...more,
  };
}

export function site(more: Partial<Config> = {}): Config {
  const tags: Config["tags"] = {
    cart: tag({ partner: "shop", purposes: ["necessary"], exempt: true }),
    stats: tag({
      partner: "google",
      purposes: ["analytics"],
      required_items: ["id.cookie"],
      optional_items: ["attr.gender"],
      cookies: ["_ga", "_ga_*"],
      storage_keys: ["ga.*"],
    }),
    ads: tag({
      partner: "criteo",
      purposes: ["advertising"],
      required_items: ["id.cookie"],
      cookies: ["cto_bundle"],
    }),
    more_ads: tag({ partner: "line", purposes: ["advertising"], cookies: ["_shared"] }),
    own: tag({ partner: "shop", purposes: ["analytics"], cookies: ["_shared"] }),
    video: tag({
      partner: "youtube",
      purposes: ["functional"],
      name: { ja: "YouTube", en: "YouTube" },
    }),
    by_address: tag({
      partner: "google",
      purposes: ["analytics"],
      loader_url: "https://tags.example/t.js",
    }),
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
  const words = (language: string) =>
    Object.fromEntries(
      [
        "banner_title",
        "banner_body",
        "banner_link",
        "allow",
        "refuse",
        "choose",
        "settings_link",
        "gpc_honoured",
        "placeholder_title",
        "placeholder_body",
        "placeholder_once",
        "placeholder_always",
        "offline_note",
        "saved",
        "changed_lead",
        "changed_new",
        "changed_more",
        "expired_lead",
        "reload_note",
        "gpc_allow",
        "placeholder_why",
      ].map((key) => [key, `${language} ${key} {partner}{partners}`]),
    );
  return {
    site: "kloset",
    endpoint: "https://consent.kloset.example",
    notice: { number: 3, hash: "" },
    languages: ["ja", "en"],
    presentation: "bar",
    wording: { ja: words("ja"), en: words("en") },
    regime: {
      code: "jp-a",
      notice_natures: { client: ["analytics", "functional"], server: [] },
      notice_roles: ["self", "processor"],
      signal: { natures: ["advertising", "personalisation"], grant_outlives: false },
      renew_days: { granted: 365, refused: 180 },
    },
    numbers: Object.fromEntries(ids.map((id, i) => [id, i * 3])),
    natures: {
      necessary: "necessary",
      analytics: "analytics",
      advertising: "advertising",
      functional: "functional",
    },
    partners: {
      shop: { role: "self", effective_at: null },
      google: { role: "third_party", effective_at: null },
      criteo: { role: "third_party", effective_at: null },
      line: { role: "third_party", effective_at: null },
      youtube: { role: "third_party", effective_at: null },
    },
    material_since: Object.fromEntries(ids.map((id) => [id, 1])),
    tags,
    overdue: [],
    urls: {
      preferences: "/preferences/kloset/",
      transmission: "/external-transmission/kloset/",
      preferences_js: "/static/consentmgr/preferences.js",
    },
    ...more,
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

type Reply = number | ((body: ConsentBody) => Partial<Answer<Recorded>>);

/** A service that answers as told; the last reply is repeated. */
export function fakeApi(...replies: Reply[]) {
  const sent: ConsentBody[] = [];
  return {
    sent,
    endpoint: "https://consent.kloset.example",
    replies,
    async record(body: ConsentBody): Promise<Answer<Recorded>> {
      sent.push(body);
      const reply = replies.length > 1 ? replies.shift()! : (replies[0] ?? 201);
      const answer = typeof reply === "number" ? { status: reply } : reply(body);
      return { status: 201, body: null, retryAfter: 0, ...answer };
    },
  };
}

/** Let what was started come to rest: many turns of the event loop, however slow the machine. */
export async function settle(turns = 30): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((done) => setTimeout(done, 1));
}

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
