import { IDBFactory, IDBObjectStore } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createDevice, type Device } from "../../static/src/device.ts";
import { answerAll, encode } from "../../static/src/core/state.ts";
import type { Choices, Config, Decision } from "../../static/src/core/types.ts";
import { createOutbox, newKey } from "../../static/src/io/outbox.ts";
import { chosen, clearBrowser, fakeApi, isolate, release, settle, site } from "./site.ts";

const config = site();
const everything = (more: Partial<Choices> = {}) =>
  chosen({ granted: [...answerAll(config, true).keys()], ...more });
const nothing = (more: Partial<Choices> = {}) =>
  chosen({ refused: [...answerAll(config, false).keys()], ...more });
const COOKIE = "Path=/;Max-Age=1000";

let steps: string[];
let ran: string[];
let changed = vi.fn();
let recorded = vi.fn();
let reload = vi.fn();

function store(choices: Choices, into: "cookie" | "local" | "both" = "both"): void {
  const text = encode(choices, config.numbers);
  if (into !== "local") document.cookie = `cm_choices=${text};${COOKIE}`;
  if (into !== "cookie") localStorage.setItem("cm_choices", text);
}

/** A device on a page whose tags only note when they are told something. */
function open(api = fakeApi(), settings: Config = config): Device {
  const device = createDevice(settings, "ja", api, { changed, recorded }, reload);
  const record = api.record;
  api.record = (body) => {
    steps.push("network");
    return record.call(api, body);
  };
  void device.start({
    open: () => steps.push("open"),
    update() {
      steps.push(
        "tags " +
          Object.keys(settings.tags)
            .filter((code) => device.decide(code).allowed)
            .join(),
      );
      return ran.filter((code) => !device.decide(code).allowed);
    },
  });
  return device;
}

const reasons = (device: Device) =>
  Object.fromEntries(
    Object.entries(device.decisions()).map(([code, one]: [string, Decision]) => [code, one.reason]),
  );
const refuse = (device: Device) => device.record("refuse", answerAll(config, false), "bar");
const allow = (device: Device) => device.record("allow", answerAll(config, true), "bar");
const waiting = () => createOutbox(fakeApi(0), {} as never).all();

beforeEach(() => {
  isolate();
  vi.stubGlobal("indexedDB", new IDBFactory());
  steps = [];
  ran = [];
  [changed, recorded, reload] = [vi.fn(), vi.fn(), vi.fn()];
});
afterEach(async () => {
  // An answer that is still under way would be stored in the next test's browser.
  await settle();
  release();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  clearBrowser();
});

describe("what is stored", () => {
  test.each(["cookie", "local", "both"] as const)(
    "decides from %s, without a request",
    async (where) => {
      store(everything(), where);
      const api = fakeApi();
      const device = open(api);
      expect(reasons(device)).toMatchObject({ stats: "granted", ads: "granted", cart: "exempt" });
      await settle();
      expect(api.sent).toEqual([]);
    },
  );

  test("the newer copy wins; on a tie the more restrictive", () => {
    store(everything({ seq: 8 }), "cookie");
    store(nothing({ seq: 9 }), "local");
    expect(reasons(open()).ads).toBe("partner_refused");
    store(nothing({ seq: 8 }), "local");
    expect(reasons(open()).ads).toBe("partner_refused");
  });

  test("two cookies of one name are a doubt: only exempt tags run", () => {
    store(everything());
    document.cookie = `cm_shown=3;${COOKIE}`;
    document.cookie = `cm_choices=${encode(everything(), config.numbers)};Path=/shop`;
    expect(reasons(open())).toMatchObject({ ads: "no_choice", own: "no_choice", cart: "exempt" });
  });

  test.each(["cookie", "localStorage"])("a %s that throws is a doubt", (what) => {
    store(everything());
    document.cookie = `cm_shown=3;${COOKIE}`;
    const blocked = () => {
      throw new DOMException("blocked", "SecurityError");
    };
    if (what === "cookie") vi.spyOn(document, "cookie", "get").mockImplementation(blocked);
    else vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
    const device = open();
    expect(reasons(device)).toMatchObject({ ads: "no_choice", own: "no_choice", cart: "exempt" });
    expect(device.shouldAsk()).toBe(true);
  });

  test("nonsense is no choices", () => {
    document.cookie = `cm_choices=1.3.x;${COOKIE}`;
    expect(open().choices).toBeNull();
  });

  test("after a crash, what the outbox knows is newer than the cookie", async () => {
    store(everything({ seq: 5 }));
    const choices = nothing({ seq: 6 });
    const key = newKey();
    await createOutbox(fakeApi(0), {} as never).put({
      idempotency_key: key,
      choices,
      refuses: true,
      body: {
        site: "kloset",
        notice: 3,
        idempotency_key: key,
        client_seq: 6,
        method: "refuse",
        surface: "bar",
        language: "ja",
      },
    });
    const api = fakeApi(0);
    const device = open(api);
    await settle();
    expect(steps.indexOf("open")).toBeGreaterThan(-1);
    expect(steps.slice(0, steps.indexOf("open")).filter((step) => step.includes("ads"))).toEqual(
      [],
    );
    expect(reasons(device).ads).toBe("partner_refused");
    expect(document.cookie).toContain(".6.");
    expect(api.sent).toHaveLength(1);
  });
});

describe("an older decision that is still waiting", () => {
  const waitingRefusal = (seq: number) => {
    const key = newKey();
    return createOutbox(fakeApi(0), {} as never).put({
      idempotency_key: key,
      choices: nothing({ seq }),
      refuses: true,
      body: {
        site: "kloset",
        notice: 3,
        idempotency_key: key,
        client_seq: seq,
        method: "refuse",
        surface: "bar",
        language: "ja",
      },
    });
  };

  test.each([
    ["is sent as history once this device decided again", 4, true],
    ["is sent as it is while it is the newest", 6, undefined],
  ])("%s", async (_name, seq, history) => {
    store(everything({ seq: 5 }));
    await waitingRefusal(seq);
    const api = fakeApi(0);
    open(api);
    await settle();
    expect(api.sent).toHaveLength(1);
    expect(api.sent[0]!.is_history).toBe(history);
  });
});

describe("a choice", () => {
  test("goes through memory, storage, outbox, network, in this order", async () => {
    store(everything());
    const api = fakeApi(0);
    const device = open(api);
    await settle();
    steps = [];
    const set = vi.spyOn(document, "cookie", "set").mockImplementation(() => steps.push("cookie"));
    const put = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
      this: InstanceType<typeof IDBObjectStore>,
    ) {
      steps.push("outbox");
      return this.getAll() as never;
    });
    const outcome = await refuse(device);
    expect(await outcome.sent).toBe(false);
    set.mockRestore();
    put.mockRestore();
    const order = ["tags cart", "cookie", "outbox", "network"].map((step) => steps.indexOf(step));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(order[0]).toBe(0);
  });

  test("refused without a network: closed, stored, waiting", async () => {
    const device = open(fakeApi(0));
    const outcome = await refuse(device);
    expect(await outcome.sent).toBe(false);
    expect(reasons(device).ads).toBe("partner_refused");
    expect(document.cookie).toContain("cm_choices=1.3.");
    expect(localStorage.getItem("cm_choices")).toContain("1.3.");
    expect(await waiting()).toMatchObject([{ refuses: true, body: { method: "refuse" } }]);
    expect(reasons(open(fakeApi(0))).ads).toBe("partner_refused");
  });

  test("allowed: opens at once when it is stored, and the body says what was granted", async () => {
    const api = fakeApi();
    const device = open(api);
    await allow(device);
    expect(reasons(device).ads).toBe("granted");
    expect(api.sent[0]).toMatchObject({
      method: "allow",
      client_seq: device.choices!.seq,
      partners: { criteo: true },
      purposes: { advertising: true },
    });
    expect(api.sent[0]!.purposes).not.toHaveProperty("necessary");
  });

  test("allowed where nothing can be stored: shut until the service has it", async () => {
    const blocked = () => {
      throw new DOMException("blocked", "SecurityError");
    };
    vi.spyOn(document, "cookie", "get").mockReturnValue("");
    vi.stubGlobal("localStorage", { getItem: () => null, setItem: blocked });
    vi.stubGlobal("indexedDB", undefined);
    let answer!: () => void;
    const waits = new Promise<void>((done) => (answer = done));
    const api = fakeApi();
    api.record = async (body) => {
      await waits;
      return {
        status: 201,
        retryAfter: 0,
        body: {
          receipt: { key: "r" } as never,
          deliveries: [],
          choices: everything({ seq: body.client_seq }),
        },
      };
    };
    const device = open(api);
    const outcome = await allow(device);
    expect(reasons(device).ads).toBe("no_choice");
    answer();
    await outcome.sent;
    expect(reasons(device).ads).toBe("granted");
  });

  test("a refusal works where nothing can be stored", async () => {
    store(everything());
    const device = open(fakeApi(0));
    vi.spyOn(document, "cookie", "get").mockImplementation(() => {
      throw new Error();
    });
    await refuse(device);
    expect(reasons(device).ads).toBe("partner_refused");
  });

  test("the service's stricter answer counts", async () => {
    const api = fakeApi((body) => ({
      status: 201,
      body: {
        receipt: { key: "r" } as never,
        deliveries: [],
        choices: everything({
          seq: body.client_seq,
          granted: everything().granted.filter((id) => id !== "partner:criteo"),
          refused: ["partner:criteo"],
        }),
      },
    }));
    const device = open(api);
    await (
      await allow(device)
    ).sent;
    expect(reasons(device)).toMatchObject({ ads: "partner_refused", more_ads: "granted" });
    expect(recorded).toHaveBeenCalledOnce();
  });

  test("a retired notice (409): the grant is dropped and asked again", async () => {
    const device = open(fakeApi(409));
    await (
      await allow(device)
    ).sent;
    expect(reasons(device).ads).toBe("no_choice");
    expect(device.shouldAsk()).toBe(true);
    expect(changed).toHaveBeenCalled();
    expect(await waiting()).toEqual([]);
  });

  test("a late answer to an earlier grant does not undo a newer refusal", async () => {
    let answer!: () => void;
    const waits = new Promise<void>((done) => (answer = done));
    const api = fakeApi();
    api.record = async (body) => {
      if (body.method === "allow") await waits;
      return {
        status: 201,
        retryAfter: 0,
        body:
          body.method === "allow"
            ? {
                receipt: { key: "r" } as never,
                deliveries: [],
                choices: everything({ seq: body.client_seq }),
              }
            : null,
      };
    };
    const device = open(api);
    const grant = await allow(device);
    await refuse(device);
    answer();
    await grant.sent;
    expect(reasons(device).ads).toBe("partner_refused");
  });

  test("under a browser signal it says so", async () => {
    vi.stubGlobal("navigator", { ...navigator, globalPrivacyControl: true, userAgent: "" });
    const api = fakeApi();
    const device = open(api);
    expect(reasons(device).ads).toBe("browser_signal");
    await allow(device);
    expect(api.sent[0]!.gpc).toBe(true);
    expect(reasons(device).ads).toBe("granted");
  });
});

describe("a withdrawal", () => {
  test("deletes cookies at once, silences what ran and loads the page again, once", async () => {
    store(everything());
    document.cookie = "cto_bundle=1;Path=/";
    document.cookie = "_shared=1;Path=/";
    const details: { needs_reload: string[] }[] = [];
    document.addEventListener("cm:change", (event) => details.push((event as CustomEvent).detail), {
      once: true,
    });
    const device = open();
    await settle();
    ran = ["ads"];
    const outcome = await device.record(
      "withdraw",
      new Map([["purpose:advertising", false]]),
      "api",
    );
    expect(document.cookie).not.toContain("cto_bundle");
    expect(document.cookie).toContain("_shared");
    expect(details).toMatchObject([{ needs_reload: ["ads"], method: "withdraw" }]);
    expect(document.querySelector<HTMLMetaElement>("meta")!.content).toContain(
      "connect-src 'self' https://consent",
    );
    expect(outcome.reloads).toBe(true);
    await settle();
    expect(reload).toHaveBeenCalledOnce();
  });

  test("waits for the outbox before the reload, not for the network", async () => {
    store(everything());
    const api = fakeApi();
    api.record = () => new Promise(() => {});
    const device = open(api);
    await settle();
    ran = ["ads"];
    void refuse(device);
    expect(reload).not.toHaveBeenCalled();
    await settle();
    expect(reload).toHaveBeenCalledOnce();
    expect(await waiting()).toHaveLength(1);
  });

  test("of a tag that never ran needs no reload", async () => {
    store(everything());
    const device = open();
    await refuse(device);
    await settle();
    expect(reload).not.toHaveBeenCalled();
  });

  test("in another tab takes effect here", async () => {
    store(everything());
    const device = open();
    await settle();
    ran = ["ads"];
    store(nothing({ seq: 99 }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices" }));
    expect(reasons(device).ads).toBe("partner_refused");
    expect(reload).toHaveBeenCalledOnce();
    expect(changed).toHaveBeenCalledOnce();
  });
});

describe("notice", () => {
  test("painting the banner opens what notice is enough for, from the next page on", () => {
    const device = open();
    device.markShown();
    expect(document.cookie).toContain("cm_shown=3");
    expect(reasons(device).own).toBe("no_choice");
    expect(reasons(open())).toMatchObject({ own: "notice_given", stats: "no_choice" });
  });

  test("a cookie that could not be set shows nothing", () => {
    const device = open();
    vi.spyOn(document, "cookie", "set").mockImplementation(() => {});
    device.markShown();
    vi.restoreAllMocks();
    expect(reasons(open()).own).toBe("no_choice");
  });
});
