// What a page finds stored: the cookie at once, the database before anything opens.

import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isAsking } from "../../static/src/core/asking.ts";
import { createDevice, now, type Device } from "../../static/src/device.ts";
import { askedIds, encode } from "../../static/src/core/state.ts";
import type { Choices } from "../../static/src/core/types.ts";
import type { Kept } from "../../static/src/io/database.ts";
import type { Host } from "../../static/src/loader.ts";
import {
  chosen,
  clearBrowser,
  entry,
  isolate,
  keptOf,
  putInDatabase,
  reasons,
  release,
  settle,
  site,
} from "./site.ts";

// A page that is never busy.
vi.mock("../../static/src/io/wait.ts", async (original) => ({
  ...(await original<object>()),
  idle: (work: () => void) => setTimeout(work),
}));

const config = site();
const everything = (more: Partial<Choices> = {}) => chosen({ granted: askedIds(config), ...more });
const nothing = (more: Partial<Choices> = {}) => chosen({ refused: askedIds(config), ...more });
const COOKIE = "Path=/;Max-Age=1000";
const blocked = () => {
  throw new DOMException("blocked", "SecurityError");
};

let steps: string[];
let changed = vi.fn();
let send = vi.fn();

function store(choices: Choices): void {
  document.cookie = `cm_choices=${encode(choices, config.ids)};${COOKIE}`;
}
const storeElsewhere = (choices: Choices) =>
  void (document.cookie = `cm_choices=${encode(choices, config.ids)};Path=/shop`);

/** A device whose tags note what is allowed whenever they are told something. */
function open(kept?: Promise<Kept[]>): Device {
  const device = createDevice(config);
  const note = (what: string) => {
    const codes = Object.keys(config.tags).filter((code) => device.decide(code).allowed);
    steps.push(`${what} ${codes.join()}`);
  };
  const tags = {
    update() {
      note("update");
      return [];
    },
    ran: new Set<string>(),
  };
  changed.mockImplementation(() => note("changed"));
  send.mockReturnValue(new Promise(() => {}));
  const host: Partial<Host> = { device, changed, send, made: [], tell: () => (note("tell"), []) };
  vi.resetModules();
  void import("../../static/src/decision.ts").then(({ createDecisions }) =>
    createDecisions(host as Host, tags).open(kept),
  );
  return device;
}

/** What the service has recorded, and the browser remembers of it. */
const acknowledge = (choices: Choices) =>
  putInDatabase({
    ...entry(choices.seq, "choose", true, choices),
    idempotency_key: "sent",
    is_sent: true,
  });

/** As `open`, once everything that is stored was read. */
async function started(kept?: Promise<Kept[]>): Promise<Device> {
  const device = open(kept);
  await vi.waitFor(() => expect(device.isOpen).toBe(true));
  await settle();
  return device;
}

beforeEach(() => {
  isolate();
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("fetch", vi.fn(blocked));
  steps = [];
  [changed, send] = [vi.fn(), vi.fn()];
});
afterEach(async () => {
  await settle();
  release();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  clearBrowser();
});

describe("what is stored", () => {
  test("decides from the cookie, without a request", async () => {
    store(everything());
    const device = open();
    // Before anything is read that takes time.
    expect(reasons(device).ads).toBe("granted");
    expect(device.isOpen).toBeFalsy();
    await vi.waitFor(() => expect(device.isOpen).toBe(true));
    await settle();
    expect(reasons(device)).toMatchObject({ stats: "granted", ads: "granted", cart: "exempt" });
    expect(steps).toEqual([
      "tell cart,stats,ads,more_ads,own,video,by_address",
      "update cart,stats,ads,more_ads,own,video,by_address",
    ]);
    expect(fetch).not.toHaveBeenCalled();
    expect(changed).not.toHaveBeenCalled();
    expect(send).not.toHaveBeenCalled();
  });

  test("is looked at when it is asked for, and once", () => {
    store(everything());
    const look = vi.spyOn(document, "cookie", "get");
    const device = createDevice(config);
    expect(look).not.toHaveBeenCalled();
    expect(device.isDoubtful).toBe(false);
    expect([device.choices?.seq, device.shown]).toEqual([5, null]);
    expect(look).toHaveBeenCalledOnce();
  });

  test("what only localStorage has counts for nothing", async () => {
    localStorage.setItem("cm_choices", encode(everything(), config.ids)!);
    expect((await started()).choices).toBeNull();
    expect(steps).toEqual(["tell cart", "update cart"]);
  });

  test("the newer copy wins, before anything opens; on a tie the more restrictive", async () => {
    store(everything({ seq: 8 }));
    await putInDatabase(keptOf(nothing({ seq: 9 })));
    expect(reasons(await started()).ads).toBe("partner_refused");
    expect(steps).toEqual(["tell cart", "update cart", "changed cart"]);
    store(everything({ seq: 9 }));
    expect(reasons(await started()).ads).toBe("partner_refused");
    expect(steps.slice(3)).toEqual(["tell cart", "update cart", "changed cart"]);
    store(everything({ seq: 10 }));
    expect(reasons(await started()).ads).toBe("granted");
  });

  test("two cookies of one name are a doubt: only exempt tags run", async () => {
    store(everything());
    document.cookie = `cm_shown=3;${COOKIE}`;
    storeElsewhere(everything());
    const device = open();
    expect(reasons(device)).toMatchObject({ ads: "no_choice", own: "no_choice", cart: "exempt" });
    expect(isAsking(config, device.choices, now())).toBe(true);
    expect(device.isDoubtful).toBe(true);
    await vi.waitFor(() => expect(device.isOpen).toBe(true));
    expect(reasons(device)).toMatchObject({ ads: "no_choice", own: "no_choice", cart: "exempt" });
    expect(steps.at(-1)).toBe("update cart");
  });

  test("nor does what was acknowledged open anything where there is a doubt", async () => {
    store(everything());
    storeElsewhere(everything());
    await acknowledge(everything({ seq: 9 }));
    const device = await started();
    expect(device.choices).toBeNull();
    expect(steps).toContain("update cart");
    expect(steps.filter((step) => step.includes("ads"))).toEqual([]);
  });

  test("a doubt does not lose a refusal that waits", async () => {
    store(everything());
    storeElsewhere(everything());
    await putInDatabase(keptOf(nothing({ seq: 9 })));
    const device = await started();
    expect(device.isDoubtful).toBe(true);
    expect(device.choices).toBeNull();
    expect(send).toHaveBeenCalledOnce();
  });

  test("a cookie that throws is a doubt", async () => {
    store(everything());
    document.cookie = `cm_shown=3;${COOKIE}`;
    vi.spyOn(document, "cookie", "get").mockImplementation(blocked);
    const device = await started();
    expect(steps.at(-1)).toBe("update cart");
    expect(reasons(device)).toMatchObject({ ads: "no_choice", own: "no_choice", cart: "exempt" });
  });

  test.each([
    ["a localStorage that throws", () => vi.stubGlobal("localStorage", { getItem: blocked })],
    ["no database", () => vi.stubGlobal("indexedDB", undefined)],
    ["a database that throws", () => vi.stubGlobal("indexedDB", { open: blocked })],
  ])("%s is no reason to doubt the cookie", async (_, prepare) => {
    store(everything());
    prepare();
    expect(reasons(await started()).ads).toBe("granted");
  });

  test("a database that does not exist is not made to find that out", async () => {
    store(everything());
    await started();
    expect(await indexedDB.databases()).toEqual([]);
  });

  test("what somebody looked up already is not looked up again", async () => {
    store(everything({ seq: 8 }));
    const look = vi.spyOn(IDBFactory.prototype, "open");
    const device = await started(Promise.resolve([keptOf(nothing({ seq: 9 }))]));
    expect(reasons(device).ads).toBe("partner_refused");
    expect(look).not.toHaveBeenCalled();
  });

  test("nonsense is no choices", () => {
    document.cookie = `cm_choices=1.3.x;${COOKIE}`;
    expect(open().choices).toBeNull();
  });

  test("the notice that was shown opens what notice is enough for", () => {
    document.cookie = `cm_shown=3;${COOKIE}`;
    expect(reasons(open())).toMatchObject({ own: "notice_given", stats: "no_choice" });
  });

  test.each(["3x", "-3", ""])("a notice %j was never shown", (value) => {
    document.cookie = `cm_shown=${value};${COOKIE}`;
    expect(reasons(open()).own).toBe("no_choice");
  });

  test("a browser signal counts before any decision", () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true });
    store(everything());
    expect(reasons(open())).toMatchObject({ ads: "browser_signal", stats: "granted" });
  });
});

describe("what was acknowledged", () => {
  test("is found where a crash brought an older cookie back, before anything opens", async () => {
    store(everything({ seq: 5 }));
    await acknowledge(nothing({ seq: 6 }));
    const device = await started();
    expect(reasons(device).ads).toBe("partner_refused");
    expect(steps).toEqual(["tell cart", "update cart", "changed cart"]);
  });

  test("also where something older still waits", async () => {
    store(everything({ seq: 5 }));
    const known = { ...entry(4), choices: nothing({ seq: 9 }) };
    await putInDatabase(
      { ...known, idempotency_key: "sent", is_sent: true },
      entry(6, "allow", false, everything({ seq: 6 })),
    );
    expect(reasons(await started()).ads).toBe("partner_refused");
  });

  test("and is no news, it changes nothing", async () => {
    store(everything({ seq: 5 }));
    await acknowledge(everything({ seq: 5 }));
    expect(reasons(await started()).ads).toBe("granted");
    expect(changed).not.toHaveBeenCalled();
    expect(send).not.toHaveBeenCalled();
  });
});

describe("what waits to be sent", () => {
  test("after a crash it is newer than the cookie: heard before anything opens", async () => {
    store(everything({ seq: 5 }));
    await putInDatabase(keptOf(nothing({ seq: 6 })));
    expect(reasons(await started()).ads).toBe("partner_refused");
    expect(steps).toEqual(["tell cart", "update cart", "changed cart"]);
    expect(send).toHaveBeenCalledOnce();
  });

  test("is sent when it is older, and changes nothing", async () => {
    store(everything({ seq: 5 }));
    await putInDatabase(keptOf(nothing({ seq: 4 })));
    expect(reasons(await started()).ads).toBe("granted");
    expect(changed).not.toHaveBeenCalled();
    expect(send).toHaveBeenCalledOnce();
  });

  test("is sent where only the cookie knows of it", async () => {
    store(everything({ is_unsent: true }));
    expect(reasons(await started()).ads).toBe("granted");
    expect(send).toHaveBeenCalledOnce();
  });

  test("not what the database knows to be recorded, however old the cookie is", async () => {
    store(everything({ is_unsent: true }));
    await acknowledge(everything());
    expect((await started()).choices!.is_unsent).toBeFalsy();
    expect(send).not.toHaveBeenCalled();
  });
});

describe("what may have left something in this browser", () => {
  test.each([
    ["what was refused", () => store(chosen({ refused: ["partner:line"] }))],
    [
      "what a browser signal shuts",
      () => vi.stubGlobal("navigator", { globalPrivacyControl: true }),
    ],
  ])("%s is deleted by what sends", async (_, prepare) => {
    prepare();
    await started();
    expect(send).toHaveBeenCalledOnce();
    expect(changed).not.toHaveBeenCalled();
  });
});

describe("another tab", () => {
  test.each([
    ["a decision there", () => new StorageEvent("storage", { key: "cm_choices", newValue: "…" })],
    ["coming back to this page", () => new PageTransitionEvent("pageshow", { persisted: true })],
  ])("%s takes effect here at once", async (_, event) => {
    store(everything());
    const device = await started();
    steps = [];
    store(nothing({ seq: 99 }));
    dispatchEvent(event());
    expect(reasons(device).ads).toBe("partner_refused");
    expect(steps).toEqual(["tell cart", "update cart", "changed cart"]);
  });

  test("what it stored opens nothing here while the cookie is in doubt", async () => {
    store(everything());
    storeElsewhere(everything());
    const device = await started();
    store(everything({ seq: 99 }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    expect(reasons(device).ads).toBe("no_choice");
  });

  test("nor does what it stored end the doubt, before the database is read", async () => {
    store(everything());
    storeElsewhere(everything());
    let found!: (kept: Kept[]) => void;
    const device = open(new Promise((done) => (found = done)));
    expect(device.isDoubtful).toBe(true);
    await settle(100);
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    found([keptOf(everything({ seq: 9 }))]);
    await vi.waitFor(() => expect(device.isOpen).toBe(true));
    expect(device.isDoubtful).toBe(true);
    expect(steps.filter((step) => step.includes("ads"))).toEqual([]);
  });

  test("what is older there, or something else, changes nothing", async () => {
    store(everything({ seq: 9 }));
    const device = await started();
    steps = [];
    store(nothing({ seq: 99 }));
    dispatchEvent(new StorageEvent("storage", { key: "basket", newValue: "…" }));
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: false }));
    expect(steps).toEqual([]);
    store(nothing({ seq: 8 }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    expect(reasons(device).ads).toBe("granted");
  });
});
