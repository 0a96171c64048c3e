// A decision on this page: what it does, in which order, and what the service's answer does to it.

import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { beforeAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Act } from "../../static/src/act.ts";
import { askedIds, encode, refuseAll } from "../../static/src/core/state.ts";
import type { ChoiceId, Choices, Config } from "../../static/src/core/types.ts";
import type { Answers, Outcome } from "../../static/src/decision.ts";
import { createDevice, now, type Device } from "../../static/src/device.ts";
import { createStore } from "../../static/src/io/store.ts";
import type { Host } from "../../static/src/loader.ts";
import {
  chosen,
  clearBrowser,
  ENDPOINT,
  entry,
  fakeApi,
  isolate,
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

// The page's tags only note when they are told something.
const page = vi.hoisted(() => ({ tags: {} as unknown }));
vi.mock("../../static/src/effects/tags.ts", () => ({ watchTags: () => page.tags }));

const config = site();
const everything = (more: Partial<Choices> = {}) => chosen({ granted: askedIds(config), ...more });
const nothing = (more: Partial<Choices> = {}) => chosen({ refused: askedIds(config), ...more });
const COOKIE = "Path=/;Max-Age=1000";
const blocked = () => {
  throw new DOMException("blocked", "SecurityError");
};

let steps: string[];
/** Codes of tags whose scripts are on the page. */
let ran: string[];
/** Codes of tags that obey what they are told. */
let obedient: string[];
let changed = vi.fn();
let heard = vi.fn();
let reload = vi.fn();

function store(choices: Choices): void {
  const text = encode(choices, config.ids);
  document.cookie = `cm_choices=${text};${COOKIE}`;
  localStorage.setItem("cm_choices", text);
}

interface Page {
  device: Device;
  record(
    method: "allow" | "refuse" | "choose" | "withdraw",
    answers: Answers,
  ): Promise<Outcome>;
  host: Host;
  /** What decides, when the tags are open. */
  act(): Promise<Act>;
}

/** A page, and what the loader fetches next on it. */
function open(api = fakeApi(), settings: Config = config): Page {
  const record = api.record;
  api.record = (body) => {
    steps.push("network");
    return record.call(api, body);
  };
  serveConsents(api);
  const device = createDevice(settings);
  const allowed = () => Object.keys(settings.tags).filter((code) => device.decide(code).allowed);
  page.tags = {
    open: () => void steps.push("open"),
    update() {
      steps.push("tags " + allowed().join());
      return ran.filter((code) => !device.decide(code).allowed);
    },
    ran: new Set(),
  };
  let act: Promise<Act> | undefined;
  const root = document.createElement("div").attachShadow({ mode: "open" });
  root.innerHTML = `<p class="cm-toast"></p>`;
  const host: Partial<Host> = {
    device,
    root,
    endpoint: ENDPOINT,
    language: "ja",
    tell() {
      steps.push("tell " + allowed().join());
      return obedient;
    },
    act: () => (act ??= runEntry<Act>("act", host as Host)),
    changed,
    recorded: heard,
  };
  void host.act!();
  return {
    device,
    host: host as Host,
    async act() {
      const more = await host.act!();
      await more.ready;
      await settle();
      return more;
    },
    async record(method, answers) {
      const outcome = await (await host.act!()).record(method, answers, "bar");
      // It takes effect before it is under way.
      await Promise.race([outcome.sent, new Promise((done) => setTimeout(done, 200))]);
      return outcome;
    },
  };
}

const refuse = ({ record }: Page) => record("refuse", false);
const allow = ({ record }: Page) => record("allow", true);
const waiting = () => waitingIn(createStore());

beforeAll(warmUp);
beforeEach(() => {
  isolate();
  vi.resetModules();
  vi.stubGlobal("indexedDB", new IDBFactory());
  reload = watchReload();
  steps = [];
  ran = [];
  obedient = [];
  [changed, heard] = [vi.fn(), vi.fn()];
});
afterEach(async () => {
  // An answer that is still under way would be stored in the next test's browser.
  await settle();
  release();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  clearBrowser();
});

describe("what waited when the page was opened", () => {
  test("after a crash, what the outbox knows is newer: stored again and sent", async () => {
    store(everything({ seq: 5 }));
    document.cookie = "cto_bundle=1;Path=/";
    await createStore().put(entry(6, "refuse", true, nothing({ seq: 6 })));
    const api = fakeApi(0);
    const { device } = open(api);
    await settle();
    const opened = steps.indexOf("open");
    expect(opened).toBeGreaterThan(-1);
    expect(steps.slice(0, opened).filter((step) => step.includes("ads"))).toEqual([]);
    expect(reasons(device).ads).toBe("partner_refused");
    expect(document.cookie).toContain(".6.");
    expect(localStorage.getItem("cm_choices")).toContain(".6.");
    expect(document.cookie).not.toContain("cto_bundle");
    expect(api.sent).toHaveLength(1);
    expect(reload).not.toHaveBeenCalled();
  });

  test.each([
    ["is sent as history once this device decided again", 4, true],
    ["is sent as it is while it is the newest", 6, undefined],
  ])("%s", async (_name, seq, history) => {
    store(everything({ seq: 5 }));
    await createStore().put(entry(seq, "refuse", true, nothing({ seq })));
    const api = fakeApi();
    open(api);
    await settle();
    expect(api.sent).toHaveLength(1);
    expect(api.sent[0]!.is_history).toBe(history);
  });
});

describe("a choice", () => {
  test("goes through memory, storage, outbox, network, in this order", async () => {
    store(everything());
    const page = open(fakeApi(0));
    await page.act();
    steps = [];
    const set = vi.spyOn(document, "cookie", "set").mockImplementation(() => steps.push("cookie"));
    const local = vi.spyOn(Storage.prototype, "setItem").mockImplementation((key) => {
      steps.push(key);
    });
    const put = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
      this: InstanceType<typeof IDBObjectStore>,
    ) {
      steps.push("outbox");
      return this.getAll() as never;
    });
    const outcome = await refuse(page);
    expect(await outcome.sent).toBe(false);
    set.mockRestore();
    local.mockRestore();
    put.mockRestore();
    const order = ["tags cart", "cookie", "cm_choices", "tell cart", "outbox", "network"].map(
      (step) => steps.indexOf(step),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order[0]).toBe(0);
  });

  test("a grant opens nothing before it is stored; the vendors hear of it first", async () => {
    const page = open();
    await page.act();
    steps = [];
    const local = vi.spyOn(Storage.prototype, "setItem").mockImplementation(function (
      this: Storage,
      key: string,
      value: string,
    ) {
      steps.push("stored");
      (this as unknown as Record<string, string>)[key] = value;
    });
    await allow(page);
    local.mockRestore();
    const open_ = "cart,stats,ads,more_ads,own,video,by_address";
    expect(steps.slice(0, 4)).toEqual(["tags cart", "stored", `tell ${open_}`, `tags ${open_}`]);
  });

  test("does not wait for the network, nor for an outbox that does not answer", async () => {
    vi.stubGlobal("indexedDB", { open: () => ({}) });
    const api = fakeApi();
    api.record = () => new Promise(() => {});
    const page = open(api);
    const { reloads } = await refuse(page);
    expect(reloads).toBe(false);
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(steps).toContain("network");
  });

  test("refused without a network: closed, stored, waiting", async () => {
    const page = open(fakeApi(0));
    const outcome = await refuse(page);
    expect(await outcome.sent).toBe(false);
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(document.cookie).toContain("cm_choices=1.3.");
    expect(localStorage.getItem("cm_choices")).toContain("1.3.");
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

  test("where there was a doubt it removes the strange cookies and is believed again", async () => {
    const old = encode(everything(), config.ids);
    document.cookie = `cm_choices=${old};${COOKIE}`;
    document.cookie = `cm_choices=${old};Path=/shop`;
    const page = open(fakeApi(0));
    expect(page.device.isDoubtful).toBe(true);
    await refuse(page);
    expect(document.cookie.match(/cm_choices=/g)).toHaveLength(1);
    const { device } = open(fakeApi(0));
    expect(device.isDoubtful).toBe(false);
    expect(reasons(device).ads).toBe("partner_refused");
  });

  test("the service's stricter answer counts", async () => {
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
    const errors: unknown[] = [];
    document.addEventListener("cm:error", (event) => errors.push((event as CustomEvent).detail));
    const page = open(fakeApi(409));
    await (
      await allow(page)
    ).sent;
    expect(reasons(page.device).ads).toBe("no_choice");
    expect(page.device.isAsking()).toBe(true);
    expect(changed).toHaveBeenCalled();
    expect(await waiting()).toEqual([]);
    expect(errors).toEqual([{ code: "grant_not_recorded", status: 409 }]);
  });

  test("a refusal that the service does not take stays, and is reported", async () => {
    const errors: unknown[] = [];
    document.addEventListener("cm:error", (event) => errors.push((event as CustomEvent).detail));
    const page = open(fakeApi(400));
    await page.act();
    await (
      await refuse(page)
    ).sent;
    expect(reasons(page.device).ads).toBe("partner_refused");
    expect(await waiting()).toHaveLength(1);
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
    expect(reasons(page.device).ads).toBe("partner_refused");
  });

  test("a late no to an earlier grant does not undo a newer decision", async () => {
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
    const [seed, second] = seeds(api);
    expect(seed).toMatch(/^[\da-f]{32}$/);
    expect(second).toBe(seed);
    expect(localStorage.getItem("cm_seed")).toBe(seed);

    const next = fakeApi((body) => recorded(nothing({ seq: body.client_seq })));
    const later = open(next);
    await later.act();
    expect(new Set(seeds(next))).toEqual(new Set([seed]));
    expect(localStorage.getItem("cm_seed")).toBeNull();
    next.sent.length = 0;
    await refuse(later);
    expect(seeds(next)).toEqual([undefined]);
  });

  test("goes with a refusal that was made before anything could record it", async () => {
    const api = fakeApi(0);
    const page = open(api);
    page.host.isAnswering = true;
    page.device.choices = refuseAll(config, null, false, now());
    document.cookie = `cm_choices=${encode(page.device.choices, config.ids)};${COOKIE}`;
    await refuse(page);
    expect(seeds(api)[0]).toMatch(/^[\da-f]{32}$/);
  });

  test("is not there for a browser that decided before", async () => {
    store(everything());
    const api = fakeApi(0);
    await refuse(open(api));
    expect(seeds(api)).toEqual([undefined]);
  });

  test("is the same on this page where nothing can be stored", async () => {
    vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
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
    expect(page.device.isAsking()).toBe(true);
  });
});

describe("a refusal that an earlier page could only write into its cookie", () => {
  const unsent = () => {
    const choices = refuseAll(config, everything(), false, now());
    document.cookie = `cm_choices=${encode(choices, config.ids)};${COOKIE}`;
  };

  test("is recorded once, as a refusal, before anything opens", async () => {
    unsent();
    localStorage.setItem("cm_choices", encode(everything(), config.ids));
    const methods: unknown[] = [];
    document.addEventListener("cm:change", (event) =>
      methods.push((event as CustomEvent).detail.method),
    );
    const api = fakeApi((body) => recorded(nothing({ seq: body.client_seq })));
    const page = open(api);
    await page.act();
    expect(api.sent).toMatchObject([{ method: "refuse", surface: "bar" }]);
    expect(methods).toEqual(["refuse"]);
    expect(steps.filter((step) => step.includes("ads"))).toEqual([]);
    expect(page.device.choices!.is_unsent).toBeUndefined();
    expect(document.cookie.split(".")[3]).toBe("0");
    expect(localStorage.getItem("cm_choices")!.split(".")[3]).toBe("0");
    expect(await waiting()).toEqual([]);
    api.sent.length = 0;
    await open(api).act();
    expect(api.sent).toEqual([]);
  });

  test("is left to the page where it was made, while that page is there", async () => {
    const api = fakeApi();
    const page = open(api);
    page.host.isAnswering = true;
    page.device.choices = refuseAll(config, null, false, now());
    await page.act();
    expect(api.sent).toEqual([]);
    await (
      await refuse(page)
    ).sent;
    await settle();
    expect(api.sent).toMatchObject([{ method: "refuse" }]);
  });
});

describe("what a browser signal shuts, or was refused", () => {
  test("leaves nothing behind once decisions can be taken", async () => {
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

  test("deletes cookies at once, silences what ran and loads the page again, once", async () => {
    store(everything());
    document.cookie = "cto_bundle=1;Path=/";
    document.cookie = "_shared=1;Path=/";
    const details: { needs_reload: string[] }[] = [];
    document.addEventListener("cm:change", (event) => details.push((event as CustomEvent).detail));
    const page = open();
    await page.act();
    ran = ["ads"];
    const outcome = await withdraw(page, "purpose:advertising");
    expect(document.cookie).not.toContain("cto_bundle");
    expect(document.cookie).toContain("_shared");
    expect(details).toMatchObject([{ needs_reload: ["ads"], method: "withdraw" }]);
    expect(document.querySelector<HTMLMetaElement>("meta")!.content).toContain(
      "connect-src 'self' https://consent",
    );
    expect(outcome.reloads).toBe(true);
    await settle();
    expect(reload).toHaveBeenCalledOnce();
    expect(sessionStorage.getItem("cm_saved")).toBe("bar");
  });

  test("waits for the outbox before the reload, not for the network", async () => {
    store(everything());
    // It never answers: after a second the entry is kept elsewhere.
    vi.stubGlobal("indexedDB", { open: () => ({}) });
    const api = fakeApi();
    api.record = () => new Promise(() => {});
    const page = open(api);
    await page.act();
    ran = ["ads"];
    const listed = vi.fn(() => localStorage.getItem("cm_outbox"));
    reload.mockImplementation(listed);
    const { reloads } = await refuse(page);
    expect(reloads).toBe(true);
    expect(steps).toContain("network");
    await vi.waitFor(() => expect(reload).toHaveBeenCalledOnce(), { timeout: 20_000 });
    expect(listed.mock.results[0]!.value).toContain('"method":"refuse"');
    expect(await waiting()).toHaveLength(1);
  });

  test("of a tag that never ran needs no reload", async () => {
    store(everything());
    const page = open();
    await refuse(page);
    await settle();
    expect(reload).not.toHaveBeenCalled();
  });

  test("of a tag that stops when its vendor is told needs no reload", async () => {
    store(everything());
    const details: { needs_reload: string[] }[] = [];
    document.addEventListener("cm:change", (event) => details.push((event as CustomEvent).detail));
    const page = open();
    await page.act();
    ran = ["ads", "stats"];
    obedient = ["stats"];
    await withdraw(page, "item:id.cookie");
    expect(details).toMatchObject([{ needs_reload: ["ads"] }]);
    ran = [];
    obedient = [];
  });

  test("in another tab takes effect here", async () => {
    store(everything());
    const methods: unknown[] = [];
    document.addEventListener("cm:change", (event) =>
      methods.push((event as CustomEvent).detail.method),
    );
    const page = open();
    await page.act();
    ran = ["ads"];
    store(nothing({ seq: 99 }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    expect(reasons(page.device).ads).toBe("partner_refused");
    await settle();
    expect(methods).toEqual([null]);
    expect(reload).toHaveBeenCalledOnce();
    expect(changed).toHaveBeenCalledOnce();
  });

  test("in another tab takes effect where nothing could decide yet", async () => {
    store(everything());
    open();
    await settle();
    ran = ["ads"];
    store(nothing({ seq: 99 }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    await settle();
    expect(reload).toHaveBeenCalledOnce();
  });

  test("in another tab is never written over, even where this one has not heard of it", async () => {
    store(everything());
    const page = open();
    store(nothing({ seq: 99 }));
    expect(reasons(page.device).ads).toBe("granted");
    const { adopt } = await page.act();
    expect(document.cookie).toContain(encode(nothing({ seq: 99 }), config.ids));
    expect(reasons(page.device).ads).toBe("partner_refused");
    store(nothing({ seq: 199 }));
    adopt(everything({ seq: 100 }));
    expect(document.cookie).toContain(encode(nothing({ seq: 199 }), config.ids));
    expect(reasons(page.device).ads).toBe("partner_refused");
  });
});

describe("a decision that was waited for", () => {
  // The page has closed what ran before the code came that can record it.
  test("is recorded, announced once, and kept before the page is loaded again", async () => {
    store(everything());
    const methods: unknown[] = [];
    document.addEventListener("cm:change", (event) =>
      methods.push((event as CustomEvent).detail.method),
    );
    const api = fakeApi();
    const page = open(api);
    await page.act();
    ran = ["ads"];
    page.device.choices = refuseAll(config, page.device.choices, false, now());
    reload.mockImplementation(() => steps.push("reload"));
    const put = vi.spyOn(IDBObjectStore.prototype, "put");
    put.mockImplementation(function (this: InstanceType<typeof IDBObjectStore>, ...words) {
      steps.push("outbox");
      put.mockRestore();
      return this.put(...words);
    });
    await refuse(page);
    await settle();
    expect(methods).toEqual(["refuse"]);
    expect(api.sent).toMatchObject([{ method: "refuse" }]);
    expect(steps.filter((step) => /outbox|reload/.test(step))).toEqual(["outbox", "reload"]);
  });
});
