// A decision on this page: what it does, in which order, and what the service's answer does to it.

import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { beforeAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Act } from "../../static/src/act.ts";
import { answer as answerSome } from "../../static/src/answer.ts";
import { isAsking } from "../../static/src/core/asking.ts";
import { answerAll, askedIds, encode } from "../../static/src/core/state.ts";
import type { ChoiceId, Choices, Config, Method } from "../../static/src/core/types.ts";
import type { Decisions, Outcome } from "../../static/src/decision.ts";
import { createDevice, now, type Device } from "../../static/src/device.ts";
import { inOrder } from "../../static/src/effects/in_order.ts";
import { createTags } from "../../static/src/effects/tags.ts";
import { watchTags } from "../../static/src/effects/watch_tags.ts";
import type { Kept } from "../../static/src/io/database.ts";
import type { Host } from "../../static/src/loader.ts";
import type { Send } from "../../static/src/send.ts";
import type { Taking } from "../../static/src/take.ts";
import {
  chosen,
  clearBrowser,
  ENDPOINT,
  fakeApi,
  isolate,
  keptOf,
  openStore,
  putInDatabase,
  reasons,
  recorded,
  release,
  runEntry,
  serveConsents,
  settle,
  site,
  waiting as waitingIn,
  warmUp,
  watchReload,
} from "./site.ts";

// A page that comes to rest sooner than others, but after what comes with a decision.
vi.mock("../../static/src/io/wait.ts", async (original) => ({
  ...(await original<object>()),
  idle: (work: () => void) => setTimeout(work, 120),
}));

const config = site();
const everything = (more: Partial<Choices> = {}) => chosen({ granted: askedIds(config), ...more });
const nothing = (more: Partial<Choices> = {}) => chosen({ refused: askedIds(config), ...more });
const COOKIE = "Path=/;Max-Age=1000";
const blocked = () => {
  throw new DOMException("blocked", "SecurityError");
};

let steps: string[];
/** Codes of tags that obey what they are told. */
let obedient: string[];
/** Of the test's own database. */
let createTake: typeof import("../../static/src/take.ts").createTake;
let changed = vi.fn();
let heard = vi.fn();
let reload = vi.fn();

function store(choices: Choices): void {
  document.cookie = `cm_choices=${encode(choices, config.ids)};${COOKIE}`;
}
/** Tags of the page, each with a script that runs when it opens. */
function put(...codes: string[]): void {
  document.body.innerHTML = codes
    .map((code) => `<template data-cm-tag="${code}"><script>;</script></template>`)
    .join("");
}
const storedText = () => /cm_choices=([^;]*)/.exec(document.cookie)?.[1];
/** The service has not acknowledged what the cookie says. */
const isUnsent = () => (+storedText()!.split(".")[3]! & 2) > 0;

/** What the page was told of decisions, by `key`. */
function listen<T = unknown>(event: string, key?: string): T[] {
  const heard: T[] = [];
  document.addEventListener("cm:" + event, ({ detail }: CustomEventInit) =>
    heard.push((key ? detail[key] : detail) as T),
  );
  return heard;
}

interface Page extends Pick<Taking, "confirm"> {
  device: Device;
  host: Host;
  record(method: Method, answers: Map<ChoiceId, boolean> | boolean): Promise<Outcome>;
  /** What decides, when the tags are open and what waited is under way. `kept`: for `open`. */
  act(kept?: Promise<Kept[]>): Promise<Decisions>;
}

/** A page that holds what the loader holds. What the loader fetches next has not come until somebody
    decides or asks for it, nor before `coming`. */
function build(api = fakeApi(), settings: Config = config, coming?: Promise<void>): Page {
  const record = api.record;
  api.record = async (body) => {
    steps.push("network");
    // However near the service is, the browser's own database is nearer.
    await settle(20);
    return record.call(api, body);
  };
  serveConsents(api);
  const device = createDevice(settings);
  const allowed = () => Object.keys(settings.tags).filter((code) => device.decide(code).allowed);
  const tags = createTags(device, inOrder);
  const { settle: bring } = tags;
  tags.settle = (slot) => {
    const before = !!slot.live;
    bring(slot);
    if (before !== !!slot.live) steps.push((before ? "close " : "open ") + slot.code);
  };
  let act: Promise<Act> | undefined;
  let send: Promise<Send> | undefined;
  const root = document.createElement("div").attachShadow({ mode: "open" });
  root.innerHTML = `<p class="cm-toast"></p>`;
  const host = {
    device,
    root,
    endpoint: ENDPOINT,
    language: "ja",
    wording: settings.wording.ja!,
    tags,
    tell() {
      steps.push("tell " + allowed().join());
      return obedient;
    },
    act: () =>
      (act ??= Promise.resolve(coming)
        .then(() => import("../../static/src/decision.ts"))
        .then((found) => {
          host.decided = () => {};
          return found.createDecisions(host, watchTags(device, tags, () => {})) as Act;
        })),
    send: () => (send ??= runEntry<Send>("send", host)),
    made: [],
    changed,
    recorded: heard,
  } as Partial<Host> as Host;
  let opened: Promise<void> | undefined;
  const begin = (kept?: Promise<Kept[]>) =>
    (opened ??= host.act().then((decisions) => decisions.open(kept)));
  const { confirm } = Object.assign(
    host,
    createTake(host, () => void begin()),
  );
  tags.scan(document);
  return {
    device,
    host,
    confirm,
    async act(kept) {
      await begin(kept);
      await rest();
      return host.act();
    },
    async record(method, answers) {
      const outcome = await (typeof answers === "boolean"
        ? host.take(all(device, answers), method, "bar")
        : answerSome(host, method, answers, "bar"));
      // It takes effect before it is under way.
      await Promise.race([outcome.sent, new Promise((done) => setTimeout(done, 300))]);
      return outcome;
    },
  };
}

/** The same, where what comes next is fetched at once. */
function open(...made: Parameters<typeof build>): Page {
  const page = build(...made);
  vi.resetModules();
  void page.act();
  return page;
}

/** The visitor's own earlier decision, on a page whose tags the loader opens. */
function comeBack(...made: Parameters<typeof build>): Page {
  const known = everything({ seq: 5 });
  store(known);
  const page = build(...made);
  page.confirm([keptOf(known)]);
  return page;
}

const all = (device: Device, isGranted: boolean) =>
  answerAll(device.config, device.choices, isGranted, device.gpc, now());
const refuse = ({ record }: Page) => record("refuse", false);
const allow = ({ record }: Page) => record("allow", true);
const waiting = async () => waitingIn(await openStore());
/** What comes after the frame has come, and was answered. */
const rest = () => settle(200);

beforeAll(warmUp);
beforeEach(async () => {
  isolate();
  vi.resetModules();
  vi.stubGlobal("indexedDB", new IDBFactory());
  ({ createTake } = await import("../../static/src/take.ts"));
  reload = watchReload();
  steps = [];
  obedient = [];
  [changed, heard] = [vi.fn(), vi.fn()];
});
afterEach(async () => {
  // An answer that is still under way would be stored in the next test's browser.
  await rest();
  release();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  clearBrowser();
});

describe("what waited when the page was opened", () => {
  test("after a crash, what the database knows is newer: stored again and sent", async () => {
    store(everything({ seq: 5 }));
    put("ads");
    document.cookie = "cto_bundle=1;Path=/";
    await putInDatabase(keptOf(nothing({ seq: 6 })));
    const api = fakeApi(0);
    const page = open(api);
    await page.act();
    expect(steps.filter((step) => /^tell/.test(step))).not.toEqual([]);
    expect(steps.filter((step) => step.includes("ads"))).toEqual([]);
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(storedText()).toContain(".6.");
    expect(document.cookie).not.toContain("cto_bundle");
    expect(api.sent).toHaveLength(1);
    expect(reload).not.toHaveBeenCalled();
  });

  test.each([
    ["is sent as history once this device decided again", 4, true],
    ["is sent as it is while it is the newest", 6, undefined],
  ])("%s", async (_name, seq, history) => {
    store(everything({ seq: 5 }));
    await putInDatabase(keptOf(nothing({ seq })));
    const api = fakeApi();
    await open(api).act();
    expect(api.sent).toHaveLength(1);
    expect(api.sent[0]!.is_history).toBe(history);
  });

  test("is older than what is decided before it is found", async () => {
    store(nothing({ seq: 5 }));
    await putInDatabase(keptOf(nothing({ seq: 6 })));
    const page = open(fakeApi(0));
    await allow(page);
    await page.act();
    expect(reasons(page.device).ads).toBe("granted");
    expect(storedText()).toBe(encode(page.device.choices, config.ids));
  });

  test("a grant from before the clock was set back does not undo a refusal made here", async () => {
    const ahead = keptOf(everything({ seq: 2 * Date.now() }));
    const page = build(fakeApi(0));
    void page.host.take(all(page.device, false), "refuse", "bar");
    await page.act(Promise.resolve([ahead]));
    expect(reasons(page.device).ads).toBe("partner_refused");
    // Nor on the next page, which looks at the same database.
    const next = build(fakeApi(0));
    next.confirm([ahead]);
    await next.act(Promise.resolve([ahead]));
    expect(reasons(next.device).ads).toBe("partner_refused");
    expect(steps).not.toContain("open ads");
  });

  test("what another tab refused in the same moment is refused here, too", async () => {
    put("ads");
    const page = comeBack();
    expect(steps).toContain("open ads");
    const granted = askedIds(config).filter((id) => id !== "partner:criteo");
    store(chosen({ seq: 5, granted, refused: ["partner:criteo"] }));
    await page.act(Promise.resolve([]));
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(steps).toContain("close ads");
  });
});

describe("a choice", () => {
  test("goes through memory, cookie, tags, then the other stores, then the network", async () => {
    store(everything());
    put("ads");
    obedient = ["ads"];
    const page = open(fakeApi(0));
    await page.act();
    steps = [];
    vi.spyOn(document, "cookie", "set").mockImplementation(() => steps.push("cookie"));
    vi.stubGlobal(
      "localStorage",
      new Proxy({}, { set: (_, key: string) => steps.push(key) > 0 }),
    );
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
      this: InstanceType<typeof IDBObjectStore>,
    ) {
      steps.push("outbox");
      return this.getAll() as never;
    });
    document.addEventListener("cm:change", () => steps.push("event"));
    const taken = page.host.take(all(page.device, false), "refuse", "bar");
    // What the visitor waits for.
    expect(steps).toEqual(["cookie", "tell cart", "close ads"]);
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(await (await taken).sent).toBe(false);
    const others = new Set(steps.slice(3).filter((step) => /^[^tc]|^cm_choices/.test(step)));
    expect([...others]).toEqual(["event", "cm_choices", "outbox", "network"]);
  });

  test("a grant opens nothing before it is stored; the vendors hear of it first", async () => {
    put("ads");
    const page = open();
    await page.act();
    steps = [];
    const { set } = Object.getOwnPropertyDescriptor(Document.prototype, "cookie")!;
    vi.spyOn(document, "cookie", "set").mockImplementation((text) => {
      steps.push("stored");
      set!.call(document, text);
    });
    const taken = allow(page);
    const open_ = "cart,stats,ads,more_ads,own,video,by_address";
    expect(steps).toEqual(["stored", `tell ${open_}`, "open ads"]);
    await taken;
  });

  test("does not wait for the network, nor for an outbox that does not answer", async () => {
    vi.stubGlobal("indexedDB", { open: () => ({}) });
    const api = fakeApi();
    api.record = () => new Promise(() => {});
    const page = open(api);
    const { reloads, sent } = await refuse(page);
    expect(reloads).toBe(false);
    expect(reasons(page.device).ads).toBe("partner_refused");
    await vi.waitFor(() => expect(steps).toContain("network"), { timeout: 10_000 });
    // What takes long will be sent later.
    expect(await sent).toBe(false);
  });

  test("refused without a network: closed, stored, waiting", async () => {
    const page = open(fakeApi(0));
    const outcome = await refuse(page);
    expect(await outcome.sent).toBe(false);
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(storedText()).toMatch(/^1\.3\./);
    expect(isUnsent()).toBe(true);
    // The other tabs are told.
    expect(localStorage.getItem("cm_choices")).toBe(storedText());
    expect(await waiting()).toMatchObject([{ refuses: true, body: { method: "refuse" } }]);
    expect(reasons(open(fakeApi(0)).device).ads).toBe("partner_refused");
  });

  test("allowed: opens at once when it is stored, and the body says what was granted", async () => {
    const api = fakeApi();
    const page = open(api);
    await allow(page);
    expect(reasons(page.device).ads).toBe("granted");
    expect(api.sent[0]).toMatchObject({
      site: "kloset",
      notice: 3,
      method: "allow",
      surface: "bar",
      language: "ja",
      client_seq: page.device.choices!.seq,
      partners: { criteo: true },
      purposes: { advertising: true },
    });
    expect(api.sent[0]!.purposes).not.toHaveProperty("necessary");
    expect(api.sent[0]).not.toHaveProperty("gpc");
  });

  test("of a part: the body says what was answered, and only that", async () => {
    store(everything());
    const api = fakeApi();
    await open(api).record("choose", new Map([["partner:criteo", false]]));
    expect(api.sent).toMatchObject([
      { method: "choose", purposes: {}, data_items: {}, partners: { criteo: false } },
    ]);
    expect(api.sent[0]!.partners).toEqual({ criteo: false });
  });

  test("allowed where nothing can be stored: shut until the service has it", async () => {
    vi.spyOn(document, "cookie", "get").mockReturnValue("");
    vi.stubGlobal("localStorage", { getItem: () => null, setItem: blocked });
    vi.stubGlobal("indexedDB", undefined);
    let answer!: () => void;
    const waits = new Promise<void>((done) => (answer = done));
    const api = fakeApi((body) => recorded(everything({ seq: body.client_seq })));
    const { record } = api;
    api.record = async (body) => {
      await waits;
      return record.call(api, body);
    };
    const page = open(api);
    const outcome = await allow(page);
    expect(reasons(page.device).ads).toBe("no_choice");
    answer();
    await outcome.sent;
    expect(reasons(page.device).ads).toBe("granted");
  });

  test("a refusal works where nothing can be stored", async () => {
    store(everything());
    const page = open(fakeApi(0));
    await page.act();
    vi.spyOn(document, "cookie", "get").mockImplementation(blocked);
    await refuse(page);
    expect(reasons(page.device).ads).toBe("partner_refused");
  });

  test.each([
    ["a refusal", refuse, "partner_refused", 0],
    ["a grant", allow, "granted", 201],
  ])(
    "where there was a doubt, %s removes the strange cookies and is believed again",
    async (_, decide, reason, status) => {
      const old = encode(nothing(), config.ids);
      document.cookie = `cm_choices=${old};${COOKIE}`;
      document.cookie = `cm_choices=${old};Path=/shop`;
      const page = open(
        fakeApi((body) => {
          const answer = reason === "granted" ? everything : nothing;
          return { ...recorded(answer({ seq: body.client_seq })), status };
        }),
      );
      expect(page.device.isDoubtful).toBe(true);
      await decide(page);
      await page.act();
      expect(reasons(page.device).ads).toBe(reason);
      expect(document.cookie.match(/cm_choices=/g)).toHaveLength(1);
      const { device } = open(fakeApi(0));
      expect(device.isDoubtful).toBe(false);
      expect(reasons(device).ads).toBe(reason);
    },
  );

  test("the service's stricter answer counts, here and on the next page", async () => {
    const api = fakeApi((body) =>
      recorded(
        everything({
          seq: body.client_seq,
          granted: askedIds(config).filter((id) => id !== "partner:criteo"),
          refused: ["partner:criteo"],
        }),
      ),
    );
    const page = open(api);
    await (
      await allow(page)
    ).sent;
    expect(reasons(page.device)).toMatchObject({ ads: "partner_refused", more_ads: "granted" });
    expect(heard).toHaveBeenCalledOnce();
    expect(reasons(createDevice(config))).toMatchObject({
      ads: "partner_refused",
      more_ads: "granted",
    });
  });

  test("is announced once, and told tag managers once, also when it is acknowledged", async () => {
    const methods = listen("change", "method");
    const layer: unknown[] = [];
    vi.stubGlobal("dataLayer", layer);
    const page = open(fakeApi((body) => recorded(everything({ seq: body.client_seq }))));
    await page.act();
    await (
      await allow(page)
    ).sent;
    expect(heard).toHaveBeenCalledOnce();
    expect(methods).toEqual(["allow"]);
    expect(layer).toHaveLength(1);
  });

  test.each([
    ["", () => {}],
    [", nor where there is no database", () => vi.stubGlobal("indexedDB", undefined)],
  ])("that was acknowledged is not sent again by the next page%s", async (_, prepare) => {
    prepare();
    const api = fakeApi((body) => recorded(everything({ seq: body.client_seq })));
    const outcome = await allow(open(api));
    expect(await outcome.sent).toBe(true);
    expect(isUnsent()).toBe(false);
    await open(api).act();
    expect(api.sent).toHaveLength(1);
  });

  test("that no database kept is sent by the next page, from the cookie", async () => {
    vi.stubGlobal("indexedDB", undefined);
    const api = fakeApi((body) => recorded(chosen({ seq: body.client_seq })));
    await open(fakeApi(0)).record("choose", new Map([["partner:criteo", false]]));
    await open(api).act();
    expect(api.sent).toMatchObject([{ method: "refuse", surface: "bar" }]);
    await allow(open(fakeApi(0)));
    await open(api).act();
    expect(api.sent.slice(1)).toMatchObject([{ method: "choose", partners: { criteo: true } }]);
  });

  test("a receipt that partners are told of is remembered for the next page", async () => {
    const api = fakeApi((body) => {
      const answer = recorded(nothing({ seq: body.client_seq }));
      answer.body!.deliveries = [{ partner: "google", status: "queued", due_at: "" }];
      return answer;
    });
    await (
      await refuse(open(api))
    ).sent;
    expect(sessionStorage.getItem("cm_receipt")).toBe("r");
  });

  test("a retired notice (409): the grant is dropped and asked again", async () => {
    const errors = listen("error");
    const page = open(fakeApi(409));
    page.host.root.querySelector(".cm-toast")!.textContent = "saved";
    await (
      await allow(page)
    ).sent;
    expect(reasons(page.device).ads).toBe("no_choice");
    expect(isAsking(config, page.device.choices, now())).toBe(true);
    expect(changed).toHaveBeenCalled();
    expect(await waiting()).toEqual([]);
    expect(errors).toEqual([{ code: "grant_not_recorded", status: 409 }]);
    expect(sessionStorage.getItem("cm_retired")).toBe("3");
    expect(page.host.root.textContent).toBe("");
  });

  test("what is known already is no news: nobody is asked again because of it", async () => {
    store(everything({ seq: 5 }));
    const { follow } = await open().act();
    changed.mockClear();
    follow(everything({ seq: 5 }));
    expect(changed).not.toHaveBeenCalled();
    follow(nothing({ seq: 6 }));
    expect(changed).toHaveBeenCalledOnce();
  });

  test("a grant that was dropped opens nothing on the next page, nor is it sent again", async () => {
    const api = fakeApi(409);
    await (
      await allow(open(api))
    ).sent;
    const next = open(api);
    expect(reasons(next.device).ads).toBe("no_choice");
    await next.act();
    expect(api.sent).toHaveLength(1);
  });

  test("a refusal that the service does not take stays, and is reported", async () => {
    const errors = listen("error");
    const page = open(fakeApi(400));
    await page.act();
    await (
      await refuse(page)
    ).sent;
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(await waiting()).toHaveLength(1);
    expect(isUnsent()).toBe(true);
    expect(errors).toEqual([{ code: "refusal_not_recorded", status: 400 }]);
  });

  test("a late answer to an earlier grant does not undo a newer refusal", async () => {
    let answer!: () => void;
    const waits = new Promise<void>((done) => (answer = done));
    const api = fakeApi();
    api.record = async (body) => {
      const isGrant = body.method === "allow";
      if (isGrant) await waits;
      const known = isGrant ? everything({ seq: body.client_seq }) : undefined;
      return { status: 201, retryAfter: 0, body: null, ...(known && recorded(known)) };
    };
    const page = open(api);
    const grant = await allow(page);
    await refuse(page);
    answer();
    await grant.sent;
    await rest();
    expect(heard).toHaveBeenCalledOnce();
    expect(reasons(page.device).ads).toBe("partner_refused");
  });

  test("a late no to an earlier grant does not undo a newer decision", async () => {
    const errors = listen("error");
    let answer!: () => void;
    const waits = new Promise<void>((done) => (answer = done));
    const api = fakeApi();
    let calls = 0;
    api.record = async () => {
      const status = calls++ ? 201 : 409;
      if (status === 409) await waits;
      return { status, retryAfter: 0, body: null };
    };
    const page = open(api);
    const first = await allow(page);
    await page.record("choose", new Map([["partner:criteo", true]]));
    answer();
    await first.sent;
    await rest();
    expect(errors).toHaveLength(1);
    expect(reasons(page.device).ads).toBe("granted");
  });

  test("builds on what another tab stored meanwhile", async () => {
    const page = open();
    await page.act();
    store(chosen({ granted: askedIds(config), seq: 7 }));
    await page.record("choose", new Map([["partner:criteo", false]]));
    expect(reasons(page.device)).toMatchObject({ ads: "partner_refused", more_ads: "granted" });
  });

  test("under a browser signal it says so", async () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true });
    const api = fakeApi();
    const page = open(api);
    expect(reasons(page.device).ads).toBe("browser_signal");
    await allow(page);
    expect(api.sent[0]!.gpc).toBe(true);
    expect(reasons(page.device).ads).toBe("granted");
  });
});

describe("the seed of a browser that has no token yet", () => {
  const seeds = (api: ReturnType<typeof fakeApi>) => api.sent.map((body) => body.device_seed);

  test("goes with each first decision, on each page, until one is acknowledged", async () => {
    const api = fakeApi(0);
    const page = open(api);
    await page.act();
    await refuse(page);
    await (
      await allow(page)
    ).sent;
    const [seed, ...others] = seeds(api);
    expect(seed).toMatch(/^[\da-f]{32}$/);
    expect(others).not.toEqual([]);
    expect(new Set(others)).toEqual(new Set([seed]));
    expect(localStorage.getItem("cm_seed")).toBe(seed);

    const next = fakeApi((body) => recorded(everything({ seq: body.client_seq })));
    const later = open(next);
    await later.act();
    // The second of them comes with the token that the answer to the first has brought.
    expect(seeds(next)).toEqual([seed, undefined]);
    expect(localStorage.getItem("cm_seed")).toBeNull();
    next.sent.length = 0;
    await refuse(later);
    expect(seeds(next)).toEqual([undefined]);
  });

  test("goes with a refusal that was made before anything could record it", async () => {
    const api = fakeApi(0);
    await refuse(build(api));
    await rest();
    expect(seeds(api)[0]).toMatch(/^[\da-f]{32}$/);
  });

  test("is not there for a browser whose decision was acknowledged before", async () => {
    const before = fakeApi((body) => recorded(everything({ seq: body.client_seq })));
    await (
      await allow(open(before))
    ).sent;
    const api = fakeApi(0);
    await refuse(open(api));
    expect(seeds(api)).toEqual([undefined]);
  });

  test("is the same on this page where nothing can be stored", async () => {
    vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
    vi.stubGlobal("indexedDB", undefined);
    const api = fakeApi(0);
    const page = open(api);
    await refuse(page);
    await refuse(page);
    const [first, second] = seeds(api);
    expect(first).toMatch(/^[\da-f]{32}$/);
    expect(second).toBe(first);
  });

  test("that may not grant is forgotten with the grant", async () => {
    const page = open(fakeApi(403));
    await (
      await allow(page)
    ).sent;
    expect(localStorage.getItem("cm_seed")).toBeNull();
    expect(isAsking(config, page.device.choices, now())).toBe(true);
  });
});

describe("a refusal that an earlier page could only write into its cookie", () => {
  test("is recorded once, as a refusal, and opens nothing meanwhile", async () => {
    store(answerAll(config, everything(), false, false, now()));
    put("ads");
    const methods = listen("change", "method");
    const api = fakeApi((body) => recorded(nothing({ seq: body.client_seq })));
    const page = open(api);
    await page.act();
    expect(api.sent).toMatchObject([{ method: "refuse", surface: "bar" }]);
    expect(heard).toHaveBeenCalledOnce();
    // It is no news to this page.
    expect(methods).toEqual([]);
    expect(steps.filter((step) => step.includes("ads"))).toEqual([]);
    expect(page.device.choices!.is_unsent).toBeFalsy();
    expect(isUnsent()).toBe(false);
    expect(await waiting()).toEqual([]);
    api.sent.length = 0;
    await open(api).act();
    expect(api.sent).toEqual([]);
  });

  test("is sent once while the page where it was made is there", async () => {
    const methods = listen("change", "method");
    const api = fakeApi();
    const page = build(api);
    await (
      await refuse(page)
    ).sent;
    await page.act();
    expect(api.sent).toMatchObject([{ method: "refuse" }]);
    expect(methods).toEqual(["refuse"]);
  });
});

describe("what a browser signal shuts, or was refused", () => {
  test("leaves nothing behind once the page has come to rest", async () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true });
    document.cookie = "cto_bundle=1;Path=/";
    document.cookie = "_ga=1;Path=/";
    await open().act();
    expect(document.cookie).toBe("_ga=1");
  });
});

describe("a withdrawal", () => {
  const withdraw = ({ record }: Page, ...ids: ChoiceId[]) =>
    record("withdraw", new Map(ids.map((id) => [id, false])));

  test("deletes cookies, silences what ran and loads the page again, once", async () => {
    store(everything());
    document.cookie = "cto_bundle=1;Path=/";
    document.cookie = "_shared=1;Path=/";
    put("ads", "own");
    const details = listen("change");
    const page = open();
    await page.act();
    const outcome = await withdraw(page, "purpose:advertising");
    expect(details).toMatchObject([{ needs_reload: ["ads"], method: "withdraw" }]);
    expect(document.querySelector<HTMLMetaElement>("meta")!.content).toContain(
      "connect-src 'self' https://consent",
    );
    expect(outcome.reloads).toBe(true);
    await rest();
    expect(document.cookie).not.toContain("cto_bundle");
    expect(document.cookie).toContain("_shared");
    expect(reload).toHaveBeenCalledOnce();
    expect(sessionStorage.getItem("cm_saved")).toBe(page.host.wording.saved);
  });

  test("in the dialog is told there on the fresh page", async () => {
    store(everything());
    put("ads");
    const page = open();
    page.host.isOpen = true;
    await page.act();
    await withdraw(page, "purpose:advertising");
    await rest();
    expect(sessionStorage.getItem("cm_saved")).toBe("dialog");
  });

  test("waits for the outbox before the reload, not for the network", async () => {
    store(everything());
    put("ads");
    const api = fakeApi();
    api.record = () => new Promise(() => {});
    const page = open(api);
    await page.act();
    const found = vi.fn();
    const kept = vi.fn();
    const native = IDBObjectStore.prototype.put;
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
      this: InstanceType<typeof IDBObjectStore>,
      ...words
    ) {
      this.transaction.addEventListener("complete", kept);
      return native.apply(this, words);
    });
    reload.mockImplementation(() => void waiting().then(found));
    const { reloads } = await refuse(page);
    expect(reloads).toBe(true);
    await rest();
    expect(reload).toHaveBeenCalledOnce();
    expect(kept).toHaveBeenCalledBefore(reload);
    expect(found).toHaveBeenCalledWith([
      expect.objectContaining({ body: expect.objectContaining({ method: "refuse" }) }),
    ]);
  });

  test("does not wait for ever for an outbox that does not answer: the cookie knows", async () => {
    store(everything());
    put("ads");
    vi.stubGlobal("indexedDB", { open: () => ({}) });
    const page = open(fakeApi(0));
    await vi.waitFor(() => expect(page.device.isOpen).toBe(true), { timeout: 5000 });
    await refuse(page);
    await vi.waitFor(() => expect(reload).toHaveBeenCalledOnce(), { timeout: 5000 });
    expect(isUnsent()).toBe(true);
    expect(reasons(createDevice(config)).ads).toBe("partner_refused");
  });

  test("taken back at once needs its reload still: what ran was silenced", async () => {
    store(everything());
    put("ads");
    const page = open();
    await page.act();
    const { device, host } = page;
    await host.take(all(device, false), "refuse", "bar");
    await host.take(all(device, true), "allow", "bar");
    expect(reload).not.toHaveBeenCalled();
    expect(document.querySelector("meta")).not.toBeNull();
    await rest();
    expect(reload).toHaveBeenCalled();
  });

  test("of a tag that never ran needs no reload", async () => {
    store(everything());
    document.body.innerHTML = `<template data-cm-tag="ads"><img></template>`;
    const page = open();
    await page.act();
    expect(steps).toContain("open ads");
    await refuse(page);
    await rest();
    expect(steps).toContain("close ads");
    expect(reload).not.toHaveBeenCalled();
  });

  test("of a tag that stops when its vendor is told needs no reload", async () => {
    store(everything());
    put("ads", "stats");
    const details = listen("change");
    const page = open();
    await page.act();
    obedient = ["stats"];
    await withdraw(page, "item:id.cookie");
    expect(details).toMatchObject([{ needs_reload: ["ads"] }]);
  });

  test.each([
    ["that obeys does not load the page again, also not later", ["stats"], 0],
    ["that does not obey loads the page again, also later no second time", [], 1],
  ])("of a tag %s", async (_, codes, times) => {
    put("stats");
    const page = comeBack();
    await page.act();
    obedient = codes;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const refused = refuse(page);
      for (let second = 0; second < 3; second++) {
        await vi.advanceTimersByTimeAsync(1000);
        await settle();
      }
      expect((await refused).reloads).toBe(times > 0);
    } finally {
      vi.useRealTimers();
    }
    expect(steps).toContain("close stats");
    expect(reload).toHaveBeenCalledTimes(times);
  });

  test("in another tab takes effect here", async () => {
    store(everything());
    put("ads");
    const methods = listen("change", "method");
    const page = open();
    await page.act();
    store(nothing({ seq: 99 }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    expect(reasons(page.device).ads).toBe("partner_refused");
    await rest();
    expect(methods).toEqual([null]);
    expect(reload).toHaveBeenCalledOnce();
    expect(changed).toHaveBeenCalledOnce();
  });

  test("in another tab takes effect where the tags are not open yet", async () => {
    store(everything());
    put("ads");
    const page = open();
    expect(reasons(page.device).ads).toBe("granted");
    store(nothing({ seq: 99 }));
    await page.act();
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(steps.filter((step) => step.includes("ads"))).toEqual([]);
  });

  test("in another tab is never written over, even where this one has not heard of it", async () => {
    store(everything());
    const page = open();
    const { follow } = await page.act();
    expect(reasons(page.device).ads).toBe("granted");
    const newer = nothing({ seq: 99 });
    store(newer);
    await page.host.send();
    await rest();
    expect(storedText()).toBe(encode(newer, config.ids));
    expect(reasons(page.device).ads).toBe("partner_refused");
    const newest = nothing({ seq: 199 });
    store(newest);
    follow(everything({ seq: 100 }));
    expect(storedText()).toBe(encode(newest, config.ids));
    expect(reasons(page.device).ads).toBe("partner_refused");
  });
});

describe("the tags of a returning visitor", () => {
  const known = everything({ seq: 5 });
  const copy = keptOf(known);

  test("open at once where cookie and database agree; the vendors hear of it first", () => {
    store(known);
    put("ads", "video");
    const page = build();
    expect(steps).toEqual([]);
    page.confirm([copy, keptOf(nothing({ seq: 4 }))]);
    expect(steps.slice(0, 1)).toMatchObject([expect.stringMatching(/^tell .*\bads\b/)]);
    expect(steps.slice(1)).toEqual(["open ads", "open video"]);
    expect(page.device.isOpen).toBe(true);
  });

  test("open at once where notice is enough and nothing was ever stored", () => {
    document.cookie = `cm_shown=3;${COOKIE}`;
    put("own", "ads");
    build().confirm([]);
    expect(steps).toEqual(["tell cart,own", "open own"]);
  });

  test.each<[string, Kept[], () => void]>([
    ["a newer decision is in the database", [copy, keptOf(nothing({ seq: 6 }))], () => {}],
    [
      "the same decision is stricter in the database",
      [keptOf({ ...known, granted: known.granted.slice(1), refused: known.granted.slice(0, 1) })],
      () => {},
    ],
    ["the cookie has changed since it was looked at", [copy], () => store(nothing({ seq: 99 }))],
    [
      "the cookie is gone since it was looked at",
      [copy],
      () => (document.cookie = "cm_choices=;Max-Age=0;Path=/"),
    ],
    [
      "a second cookie has come since it was looked at",
      [copy],
      () => (document.cookie = `cm_choices=1;Path=/shop`),
    ],
    [
      "the cookie cannot be read any more",
      [copy],
      () => vi.spyOn(document, "cookie", "get").mockImplementation(blocked),
    ],
  ])("stay shut for now where %s", (_, rows, prepare) => {
    store(known);
    put("ads");
    const page = build();
    expect(reasons(page.device).ads).toBe("granted");
    prepare();
    page.confirm(rows);
    expect(steps).toEqual([]);
    expect(page.device.isOpen).toBeFalsy();
  });

  test.each<[string, Kept[], () => void]>([
    ["the database knows of a decision and the cookie does not", [copy], () => {}],
    [
      "the cookie came twice",
      [],
      () => {
        store(known);
        document.cookie = `cm_choices=${encode(known, config.ids)};Path=/shop`;
      },
    ],
    [
      "the cookie cannot be read",
      [],
      () => vi.spyOn(document, "cookie", "get").mockImplementation(blocked),
    ],
  ])("stay shut for now, also where notice is enough, if %s", (_, rows, prepare) => {
    document.cookie = `cm_shown=3;${COOKIE}`;
    put("own");
    prepare();
    const page = build();
    page.confirm(rows);
    expect(steps).toEqual([]);
    expect(page.device.isOpen).toBeFalsy();
  });

  test.each<[string, () => Promise<Kept[]> | undefined]>([
    ["the database", () => Promise.resolve([keptOf(nothing({ seq: 6 }))])],
    ["the cookie", () => void store(nothing({ seq: 6 }))],
  ])("once open, close for a newer refusal in %s; it is announced once", async (_, refused) => {
    const methods = listen("change", "method");
    const ready = listen<{ choices: Choices }>("ready");
    document.body.innerHTML = `<template data-cm-tag="ads"><img></template>`;
    const page = comeBack();
    expect(document.querySelector("body > img")).not.toBeNull();
    steps = [];
    await page.act(refused());
    expect(steps.slice(0, 2)).toEqual(["tell cart", "close ads"]);
    expect(document.querySelector("body > img")).toBeNull();
    expect(steps).not.toContain("open ads");
    expect(methods).toEqual([null]);
    expect(ready).toMatchObject([{ choices: { seq: 6 } }]);
    expect(storedText()).toContain(".6.");
    expect(changed).toHaveBeenCalled();
    expect(reload).not.toHaveBeenCalled();
  });

  test("once open, stay as they are where nothing newer is found", async () => {
    put("ads");
    const changes = listen("change");
    const ready = listen("ready");
    const page = comeBack();
    await page.act();
    expect(steps.filter((step) => /^(open|close)/.test(step))).toEqual(["open ads"]);
    expect(changes).toEqual([]);
    expect(ready).toHaveLength(1);
    expect(changed).not.toHaveBeenCalled();
  });

  test("a script that ran for a grant that was refused since: the page is loaded again", async () => {
    put("ads");
    const page = comeBack();
    await page.act(Promise.resolve([keptOf(nothing({ seq: 6 }))]));
    expect(reload).toHaveBeenCalledOnce();
    expect(reasons(createDevice(config)).ads).toBe("partner_refused");
  });
});

describe("tag managers hear", () => {
  const entry = (granted: ChoiceId[], refused: ChoiceId[]) => ({
    event: "cm_consent",
    cm_granted: granted,
    cm_refused: refused,
  });
  /** In whatever order. */
  const asked = expect.arrayContaining(askedIds(config)) as ChoiceId[];
  let layer: unknown[];
  beforeEach(() => {
    layer = [];
    vi.stubGlobal("dataLayer", layer);
  });

  test("a returning visitor's choices, once", async () => {
    await comeBack().act();
    expect(layer).toEqual([entry(asked, [])]);
  });

  test("newer choices that are found on the way, and not those before them", async () => {
    await comeBack().act(Promise.resolve([keptOf(nothing({ seq: 6 }))]));
    expect(layer).toEqual([entry([], asked)]);
  });

  test.each([
    ["before the rest begins", false],
    ["while the rest comes", true],
  ])("what a returning visitor decides %s, once", async (_, hasBegun) => {
    const page = comeBack();
    const refused = refuse(page);
    if (hasBegun) void page.act(Promise.resolve([]));
    await refused;
    await page.act();
    expect(layer).toEqual([entry([], asked)]);
  });

  test("nothing of a visitor who has not decided", async () => {
    await open().act();
    expect(layer).toEqual([]);
  });
});

describe("a decision that was waited for", () => {
  // The page has closed what ran before the code came that can record it.
  test("is recorded, announced once, and kept before the page is loaded again", async () => {
    put("ads");
    const methods = listen("change", "method");
    const ready = listen("ready");
    const api = fakeApi();
    let come!: () => void;
    const page = comeBack(api, config, new Promise<void>((done) => (come = done)));
    expect(steps).toContain("open ads");
    reload.mockImplementation(() => steps.push("reload"));
    const put_ = vi.spyOn(IDBObjectStore.prototype, "put");
    put_.mockImplementation(function (this: InstanceType<typeof IDBObjectStore>, ...words) {
      steps.push("outbox");
      put_.mockRestore();
      return this.put(...words);
    });
    const refused = refuse(page);
    expect(steps.at(-1)).toBe("close ads");
    await rest();
    expect(methods).toEqual([]);
    come();
    await refused;
    await rest();
    expect(methods).toEqual(["refuse"]);
    // The rest has begun with it.
    expect(ready).toHaveLength(1);
    expect(api.sent).toMatchObject([{ method: "refuse" }]);
    expect(steps.filter((step) => /outbox|reload/.test(step))).toEqual(["outbox", "reload"]);
  });
});
