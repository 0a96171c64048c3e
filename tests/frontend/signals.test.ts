// What each vendor hears, word for word, in each course of events.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import table from "../../tracking/registry/data/vendors.json";
import type { SiteTag } from "../../static/src/core/types.ts";
import type { Device } from "../../static/src/device.ts";
import type { Grants, Signals } from "../../static/src/signals.ts";

type Name = keyof typeof table;
type Page = Record<string, any>;

const page = globalThis as unknown as Page;
const GLOBALS = [
  "dataLayer",
  "google_tag_manager",
  "uetq",
  "clarity",
  "fbq",
  "ttq",
  "_paq",
  "adobe",
  "analytics",
  "Shopify",
];
const NATURES = ["analytics", "advertising", "personalisation", "functional"];
const ALL = Object.fromEntries(NATURES.map((nature) => [nature, true]));
const NONE = Object.fromEntries(NATURES.map((nature) => [nature, false]));
const PARTIAL = { ...NONE, analytics: true };

const listening = new Set<[string, EventListener]>();
let signals: Signals;

/** The part as the service serves it to a site with these vendors. */
async function serve(...names: Name[]): Promise<void> {
  page.CM_SIGNALS = { vendors: {} };
  vi.resetModules();
  await import("../../static/src/signals.ts");
  for (const name of names) {
    if (table[name].natures.length) await import(`../../static/src/vendors/${name}.ts`);
  }
  signals = page.CM_SIGNALS;
}

const tell = (name: Name, given: Record<string, boolean>) => signals.tell({ [name]: given });

beforeEach(() => {
  const add = document.addEventListener.bind(document);
  vi.spyOn(document, "addEventListener").mockImplementation((type: string, listener: unknown) => {
    listening.add([type, listener as EventListener]);
    add(type, listener as EventListener);
  });
});
afterEach(() => {
  for (const [type, listener] of listening) document.removeEventListener(type, listener);
  listening.clear();
  for (const name of [...GLOBALS, "CM_SIGNALS"]) delete page[name];
});

/** What the base code that a vendor gives out leaves on a page, as far as it matters here. */
const baseCode = {
  fbq() {
    if (page.fbq) return;
    const fbq: Page = (page.fbq = (...words: unknown[]) =>
      fbq.callMethod ? fbq.callMethod(...words) : fbq.queue.push(words));
    fbq.queue = [];
    page.fbq("init", "1");
  },
  ttq() {
    const ttq = (page.ttq = page.ttq || []);
    for (const name of ["page", "holdConsent", "grantConsent", "revokeConsent"]) {
      ttq[name] = (...words: unknown[]) => ttq.push([name, ...words]);
    }
    ttq.page();
  },
  analytics() {
    const analytics = (page.analytics = page.analytics || []);
    if (analytics.invoked) return;
    analytics.invoked = true;
    for (const name of ["track", "page", "addSourceMiddleware"]) {
      analytics[name] = (...words: unknown[]) => analytics.push([name, ...words]);
    }
    analytics.page();
  },
  adobe(heard: unknown[] = []) {
    page.adobe = page.adobe || {};
    page.adobe.optIn = Object.fromEntries(
      ["approve", "deny", "complete"].map((name) => [
        name,
        (...words: unknown[]) => heard.push([name, ...words]),
      ]),
    );
    return heard;
  },
  Shopify(heard: unknown[] = []) {
    page.Shopify = {
      customerPrivacy: {
        setTrackingConsent(consent: unknown, saved: () => void) {
          heard.push(consent);
          saved();
        },
      },
    };
    return heard;
  },
};

const plain = (calls: Iterable<ArrayLike<unknown>>) =>
  [...calls].map((call) =>
    Array.from(call, (word) => (typeof word === "function" ? "function" : word)),
  );

/** How the table below reads what arrived; called before the first word and after the last. */
const hears: Record<string, (start: boolean) => unknown[]> = {
  google: (start) => (start ? [] : plain(page.dataLayer)),
  microsoft_uet: (start) => (start ? [] : page.uetq),
  microsoft_clarity: (() => {
    let heard: unknown[][] = [];
    return (start: boolean) => {
      // As the script that has loaded: it hears each call at once.
      if (start) {
        heard = [];
        page.clarity = (...words: unknown[]) => heard.push(words);
      }
      return heard;
    };
  })(),
  meta: (start) => (start ? (baseCode.fbq(), []) : page.fbq.queue.slice(1)),
  tiktok: (start) => (start ? (baseCode.ttq(), []) : page.ttq.slice(1)),
  matomo: (start) => (start ? [] : page._paq),
  segment: (start) => (start ? (baseCode.analytics(), []) : plain(page.analytics.slice(1))),
  adobe: (() => {
    let heard: unknown[] = [];
    return (start: boolean) => (start ? (heard = baseCode.adobe()) : heard);
  })(),
  shopify: (() => {
    let heard: unknown[] = [];
    return (start: boolean) => (start ? (heard = baseCode.Shopify()) : heard);
  })(),
};

const google = (granted: string[], more: object = {}) => ({
  ...Object.fromEntries(
    [
      "ad_storage",
      "ad_user_data",
      "ad_personalization",
      "analytics_storage",
      "functionality_storage",
      "personalization_storage",
    ].map((type) => [type, granted.includes(type) ? "granted" : "denied"]),
  ),
  security_storage: "granted",
  ...more,
});
const SEVEN = Object.keys(google([]));
const GOOGLE_DEFAULT = [
  ["consent", "default", google([], { wait_for_update: 500 })],
  ["set", "ads_data_redaction", true],
];
const googleUpdate = (...granted: string[]) => ["consent", "update", google(granted)];
const uet = (kind: string, ad_storage: string) => ["consent", kind, { ad_storage }];
const clarity = (ad_Storage: string, analytics_Storage: string) => [
  "consentv2",
  { ad_Storage, analytics_Storage },
];
const adobe = (approved: string[], denied: string[]) => [
  ["approve", approved, true],
  ["deny", denied, true],
  ["complete"],
];
const ADOBE = ["aa", "aam", "target", "ecid"];
const STAMP = ["addSourceMiddleware", "function"];
const TRACK = ["track", "Segment Consent Preference Updated"];
const shop = (analytics: boolean, marketing: boolean, preferences: boolean) => ({
  analytics,
  marketing,
  preferences,
  sale_of_data: marketing,
});

/** default, then one of these after it. */
interface Expected {
  first: unknown[];
  allow: unknown[];
  refuse: unknown[];
  partial: unknown[];
  /** After an allow on the same page. */
  withdraw: unknown[];
}

const EXPECTED: Record<string, Expected> = {
  google: {
    first: GOOGLE_DEFAULT,
    allow: [googleUpdate(...SEVEN)],
    refuse: [googleUpdate()],
    partial: [googleUpdate("analytics_storage")],
    withdraw: [googleUpdate()],
  },
  microsoft_uet: {
    // One flat queue: bat.js takes three entries for one call.
    first: uet("default", "denied"),
    allow: uet("update", "granted"),
    refuse: uet("update", "denied"),
    partial: uet("update", "denied"),
    withdraw: uet("update", "denied"),
  },
  microsoft_clarity: {
    first: [clarity("denied", "denied")],
    allow: [clarity("granted", "granted")],
    refuse: [clarity("denied", "denied")],
    partial: [clarity("denied", "granted")],
    withdraw: [clarity("denied", "denied")],
  },
  meta: {
    first: [["consent", "revoke"]],
    allow: [["consent", "grant"]],
    refuse: [["consent", "revoke"]],
    partial: [["consent", "revoke"]],
    withdraw: [["consent", "revoke"]],
  },
  tiktok: {
    first: [["holdConsent"]],
    allow: [["grantConsent"]],
    refuse: [["revokeConsent"]],
    partial: [["revokeConsent"]],
    withdraw: [["revokeConsent"]],
  },
  matomo: {
    first: [["requireConsent"]],
    allow: [["setConsentGiven"]],
    refuse: [["forgetConsentGiven"]],
    partial: [["setConsentGiven"]],
    withdraw: [["forgetConsentGiven"]],
  },
  adobe: {
    first: adobe([], ADOBE),
    allow: adobe(ADOBE, []),
    refuse: adobe([], ADOBE),
    partial: adobe(["aa", "ecid"], ["aam", "target"]),
    withdraw: adobe([], ADOBE),
  },
  segment: { first: [STAMP], allow: [TRACK], refuse: [TRACK], partial: [TRACK], withdraw: [TRACK] },
  shopify: {
    first: [shop(false, false, false)],
    allow: [shop(true, true, true)],
    refuse: [shop(false, false, false)],
    partial: [shop(true, false, false)],
    withdraw: [shop(false, false, false)],
  },
};

const NAMES = Object.keys(EXPECTED) as Name[];

describe.each(NAMES)("%s", (name) => {
  const expected = EXPECTED[name]!;

  beforeEach(async () => {
    await serve(name);
    hears[name]!(true);
  });

  /** As the page does: the vendors are told, then the page hears of it. */
  function decide(given: Record<string, boolean>): string[] {
    const reloads = tell(name, given);
    document.dispatchEvent(new CustomEvent("cm:change", { detail: { method: "choose" } }));
    return reloads;
  }
  const heard = () => hears[name]!(false);

  test("first visit, no choice", () => {
    expect(tell(name, NONE)).toEqual([]);
    expect(heard()).toEqual(expected.first);
  });

  test.each([
    ["allow", ALL],
    ["refuse", NONE],
    ["partial", PARTIAL],
  ] as const)("%s", (course, given) => {
    tell(name, NONE);
    expect(decide(given)).toEqual([]);
    expect(heard()).toEqual([...expected.first, ...expected[course]]);
  });

  test.each([
    ["granted", "allow", ALL],
    ["refused", "refuse", NONE],
  ] as const)("returning, %s", (_, course, given) => {
    tell(name, given);
    tell(name, given);
    // An earlier decision is no new event for Segment.
    const again = name === "segment" ? [] : expected[course];
    expect(heard()).toEqual([...expected.first, ...again]);
  });

  test("withdraw, and whether a running script stops by that", () => {
    tell(name, NONE);
    decide(ALL);
    expect(decide(NONE)).toEqual(table[name].stops ? [] : [name]);
    expect(heard()).toEqual([...expected.first, ...expected.allow, ...expected.withdraw]);
  });

  test("what changes nothing is not said", () => {
    tell(name, NONE);
    tell(name, ALL);
    const before = heard().length;
    expect(tell(name, { ...ALL })).toEqual([]);
    expect(tell(name, { ...ALL, necessary: true })).toEqual([]);
    expect(heard()).toHaveLength(before);
  });
});

describe("the table of vendors", () => {
  test("has every vendor that can be told, with the natures it listens to", async () => {
    const withCall = (Object.keys(table) as Name[]).filter((name) => table[name].natures.length);
    expect(withCall.sort()).toEqual([...NAMES].sort());
    await serve(...withCall);
    for (const name of withCall) {
      expect(page.CM_SIGNALS.vendors[name][0], name).toEqual(table[name].natures);
    }
  });

  test("one without a call is never told and always needs a reload", async () => {
    await serve("line");
    expect(signals.tell({ line: { advertising: true } })).toEqual([]);
    expect(signals.tell({ line: { advertising: true } })).toEqual([]);
    expect(signals.tell({ line: { advertising: false } })).toEqual(["line"]);
    expect(signals.tell({ line: { advertising: false } })).toEqual([]);
  });

  test("only vendors in the grants are told", async () => {
    await serve(...NAMES);
    signals.tell({ matomo: NONE });
    expect(GLOBALS.filter((name) => page[name] !== undefined)).toEqual(["_paq"]);
  });

  test("a fault in one vendor stops neither the others nor the page", async () => {
    page.uetq = {
      push() {
        throw new Error("broken");
      },
    };
    await serve("microsoft_uet", "matomo");
    const grants = (given: Record<string, boolean>): Grants => ({
      microsoft_uet: given,
      matomo: given,
    });
    signals.tell(grants(NONE));
    signals.tell(grants(ALL));
    expect(signals.tell(grants(NONE))).toEqual(["microsoft_uet"]);
    expect(page._paq).toHaveLength(3);
  });
});

describe("google", () => {
  beforeEach(() => serve("google"));

  test("entries are Arguments objects, as gtag.js wants them", () => {
    tell("google", NONE);
    tell("google", ALL);
    expect(page.dataLayer.map((entry: unknown) => Object.prototype.toString.call(entry))).toEqual(
      Array(3).fill("[object Arguments]"),
    );
  });

  test("the default stands in front of what the page has queued", () => {
    page.dataLayer = [["config", "G-1"]];
    tell("google", NONE);
    expect(page.dataLayer.map((entry: ArrayLike<unknown>) => entry[0])).toEqual([
      "consent",
      "set",
      "config",
    ]);
  });

  test("a container that runs already is told by push", () => {
    const push = vi.fn();
    page.dataLayer = Object.assign([{ event: "gtm.js" }], { push });
    page.google_tag_manager = {};
    tell("google", NONE);
    expect(push).toHaveBeenCalledTimes(1);
    expect(plain(push.mock.calls[0]!)).toEqual(GOOGLE_DEFAULT);
  });

  test("an element of that name is not trusted", () => {
    document.body.innerHTML = `<form name="dataLayer"><input name="push"></form>`;
    page.dataLayer = document.forms[0];
    tell("google", NONE);
    expect(Array.isArray(page.dataLayer)).toBe(true);
    expect(page.dataLayer).toHaveLength(2);
  });
});

describe("clarity", () => {
  beforeEach(() => serve("microsoft_clarity"));

  test("before it loads only the newest state waits, among the page's own calls", () => {
    tell("microsoft_clarity", NONE);
    page.clarity("set", "plan", "free");
    tell("microsoft_clarity", ALL);
    expect(plain(page.clarity.q)).toEqual([["set", "plan", "free"], clarity("granted", "granted")]);
  });

  test("its base code keeps what waits", () => {
    tell("microsoft_clarity", NONE);
    const mine = page.clarity;
    page.clarity =
      page.clarity || (() => expect.unreachable("the base code has found nothing"));
    expect(page.clarity).toBe(mine);
  });
});

describe("a global that comes later", () => {
  test("is not there until then, as pages expect that ask for it", async () => {
    await serve("meta", "tiktok", "segment", "adobe", "shopify");
    signals.tell({ meta: NONE, tiktok: NONE, segment: NONE, adobe: NONE, shopify: NONE });
    for (const name of ["fbq", "ttq", "analytics", "adobe", "Shopify"]) {
      expect(page[name], name).toBeUndefined();
    }
  });

  test("meta's base code is not kept from its work, and hears of consent before init", async () => {
    await serve("meta");
    tell("meta", NONE);
    baseCode.fbq();
    expect(page.fbq.queue).toEqual([
      ["consent", "revoke"],
      ["init", "1"],
    ]);
    tell("meta", ALL);
    expect(page.fbq.queue[2]).toEqual(["consent", "grant"]);
  });

  test("of what was said meanwhile, it hears the newest once", async () => {
    await serve("meta");
    tell("meta", NONE);
    tell("meta", ALL);
    baseCode.fbq();
    void page.fbq;
    expect(page.fbq.queue).toEqual([
      ["consent", "grant"],
      ["init", "1"],
    ]);
  });

  test("tiktok holds before the first page view", async () => {
    await serve("tiktok");
    tell("tiktok", NONE);
    baseCode.ttq();
    expect([...page.ttq]).toEqual([["holdConsent"], ["page"]]);
  });

  test("segment's middleware is first, and a decision made before it came is not lost", async () => {
    await serve("segment");
    tell("segment", NONE);
    tell("segment", PARTIAL);
    document.dispatchEvent(new CustomEvent("cm:change", { detail: { method: "choose" } }));
    baseCode.analytics();
    expect(plain(page.analytics)).toEqual([STAMP, TRACK, ["page"]]);

    const next = vi.fn();
    const payload = { obj: { context: { consent: { kept: 1 } } } };
    page.analytics[0][1]({ payload, next });
    expect(payload.obj.context.consent).toEqual({ kept: 1, categoryPreferences: PARTIAL });
    expect(next).toHaveBeenCalledExactlyOnceWith(payload);
  });

  test("segment hears nothing of another tab's decision", async () => {
    await serve("segment");
    baseCode.analytics();
    tell("segment", NONE);
    tell("segment", ALL);
    document.dispatchEvent(new CustomEvent("cm:change", { detail: { method: null } }));
    expect(plain(page.analytics)).toEqual([["page"], STAMP]);
  });

  test("adobe is told before anybody reads the opt-in service", async () => {
    await serve("adobe");
    tell("adobe", NONE);
    const heard = baseCode.adobe();
    expect(heard).toEqual([]);
    void page.adobe;
    expect(heard).toEqual(adobe([], ADOBE));
  });

  test("shopify's part is loaded for it, and two states are saved one after the other", async () => {
    await serve("shopify");
    tell("shopify", NONE);
    let loaded = () => {};
    const saved: [unknown, () => void][] = [];
    page.Shopify = {
      loadFeatures(features: unknown, done: () => void) {
        expect(features).toEqual([{ name: "consent-tracking-api", version: "0.1" }]);
        loaded = done;
      },
    };
    page.Shopify.customerPrivacy = {
      setTrackingConsent: (consent: unknown, done: () => void) => saved.push([consent, done]),
    };
    loaded();
    tell("shopify", ALL);
    expect(saved).toHaveLength(1);
    saved[0]![1]();
    expect(saved.map(([consent]) => consent)).toEqual([
      shop(false, false, false),
      shop(true, true, true),
    ]);
  });

  test("shopify's silence keeps no withdrawal back", async () => {
    vi.useFakeTimers();
    await serve("shopify");
    const setTrackingConsent = vi.fn();
    page.Shopify = { customerPrivacy: { setTrackingConsent } };
    tell("shopify", NONE);
    tell("shopify", ALL);
    tell("shopify", NONE);
    vi.advanceTimersByTime(2000);
    vi.useRealTimers();
    expect(setTrackingConsent.mock.calls.map(([consent]) => consent)).toEqual([
      shop(false, false, false),
      shop(false, false, false),
    ]);
  });

  test("something else of that name is left alone", async () => {
    await serve("segment");
    tell("segment", NONE);
    page.analytics = { track: vi.fn() };
    expect(page.analytics.track).not.toHaveBeenCalled();
    page.analytics = 7;
    expect(page.analytics).toBe(7);
  });
});

describe("what is heard of a device", () => {
  const TAGS: Record<string, SiteTag> = {
    cart: { needed: ["partner:shop", "purpose:necessary"], exempt: true, since: 1 },
    stats: {
      needed: ["partner:matomo", "purpose:analytics"],
      since: 1,
      vendor: "matomo",
      natures: ["analytics"],
    },
    ads: {
      needed: ["partner:google", "purpose:advertising"],
      since: 1,
      vendor: "google",
      natures: ["advertising"],
    },
    more_ads: {
      needed: ["partner:other", "purpose:analytics"],
      since: 1,
      vendor: "google",
      natures: ["analytics", "personalisation"],
    },
  };

  /** A device with these tags open. */
  function device(open: string[], choices: object | null, reason = "granted"): Device {
    const decisions = Object.fromEntries(
      Object.keys(TAGS).map((code) => {
        const allowed = code === "cart" || open.includes(code);
        return [code, { allowed, reason: code === "cart" ? "exempt" : allowed ? reason : "no" }];
      }),
    );
    return { config: { tags: TAGS }, choices, decisions: () => decisions } as unknown as Device;
  }
  const hear = (open: string[], choices: object | null = {}, reason?: string) =>
    signals.hear(device(open, choices, reason));

  beforeEach(() => serve("google", "matomo"));

  test("first the default, whatever is granted; nothing more while nobody decided", () => {
    hear([], null);
    hear([], null);
    expect(page._paq).toEqual([["requireConsent"]]);
    expect(plain(page.dataLayer)).toEqual(GOOGLE_DEFAULT);
  });

  test("a visitor who comes back is told of at the second call", () => {
    hear(["stats"]);
    expect(page._paq).toEqual([["requireConsent"]]);
    hear(["stats"]);
    expect(page._paq).toEqual([["requireConsent"], ["setConsentGiven"]]);
    expect(plain(page.dataLayer)).toEqual([...GOOGLE_DEFAULT, googleUpdate()]);
  });

  test("what runs because notice was given counts as granted, without any choice", () => {
    hear([], null);
    hear(["stats"], null, "notice_given");
    expect(page._paq).toEqual([["requireConsent"], ["setConsentGiven"]]);
  });

  test("a vendor may do what any of its tags may, and nothing of a tag that is shut", () => {
    hear([], null);
    hear(["more_ads"]);
    expect(plain(page.dataLayer).at(-1)).toEqual(
      googleUpdate("analytics_storage", "personalization_storage"),
    );
    hear(["more_ads", "ads"]);
    expect(plain(page.dataLayer).at(-1)).toEqual(
      googleUpdate(
        "analytics_storage",
        "personalization_storage",
        "ad_storage",
        "ad_user_data",
        "ad_personalization",
      ),
    );
  });

  test("answers the tags that stop by being told, and not those that need a reload", () => {
    hear([], null);
    hear(["stats", "ads"]);
    const stopped = hear([]);
    expect(stopped).toContain("stats");
    expect(stopped).not.toContain("ads");
    expect(stopped).not.toContain("cart");
  });

  test("one of a vendor's tags does not stop while another goes on", () => {
    hear([], null);
    hear(["ads", "more_ads"]);
    expect(hear(["more_ads"])).not.toContain("ads");
  });
});
