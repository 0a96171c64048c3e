// What a page finds stored: the cookie at once, the other copies before anything opens.

import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createDevice, type Device } from "../../static/src/device.ts";
import { askedIds, encode } from "../../static/src/core/state.ts";
import type { Choices } from "../../static/src/core/types.ts";
import { createStore } from "../../static/src/io/store.ts";
import { startDevice } from "../../static/src/start.ts";
import { chosen, clearBrowser, entry, isolate, reasons, release, settle, site } from "./site.ts";

const config = site();
const everything = (more: Partial<Choices> = {}) => chosen({ granted: askedIds(config), ...more });
const nothing = (more: Partial<Choices> = {}) => chosen({ refused: askedIds(config), ...more });
const COOKIE = "Path=/;Max-Age=1000";
const blocked = () => {
  throw new DOMException("blocked", "SecurityError");
};

let steps: string[];
let changed = vi.fn();

function store(choices: Choices, into: "cookie" | "local" | "both" = "both"): void {
  const text = encode(choices, config.ids);
  if (into !== "local") document.cookie = `cm_choices=${text};${COOKIE}`;
  if (into !== "cookie") localStorage.setItem("cm_choices", text);
}

/** A device whose tags note what is allowed whenever they are told something. */
function open(): Device {
  const device = createDevice(config);
  const note = (what: string) => {
    const codes = Object.keys(config.tags).filter((code) => device.decide(code).allowed);
    steps.push(`${what} ${codes.join()}`);
  };
  const tags = {
    open: () => note("open"),
    update() {
      note("update");
      return [];
    },
    ran: new Set<string>(),
  };
  changed.mockImplementation(() => note("changed"));
  void startDevice(device, tags, createStore(), () => note("tell"), changed);
  return device;
}

/** What the service has recorded, and the browser remembers of it. */
const acknowledge = (choices: Choices) =>
  createStore().put({
    ...entry(choices.seq, "choose", true, choices),
    idempotency_key: "sent",
    is_sent: true,
  });

/** As `open`, once everything that is stored was read. */
async function started(): Promise<Device> {
  const device = open();
  await settle();
  return device;
}

beforeEach(() => {
  isolate();
  vi.stubGlobal("indexedDB", new IDBFactory());
  vi.stubGlobal("fetch", vi.fn(blocked));
  steps = [];
  changed = vi.fn();
});
afterEach(async () => {
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
      const device = open();
      // Before anything is read that takes time, the cookie alone.
      expect(reasons(device).ads).toBe(where === "local" ? "no_choice" : "granted");
      expect(device.isOpen).toBeFalsy();
      await settle();
      expect(reasons(device)).toMatchObject({ stats: "granted", ads: "granted", cart: "exempt" });
      expect(steps.at(-1)).toBe("open cart,stats,ads,more_ads,own,video,by_address");
      expect(device.isOpen).toBe(true);
      expect(fetch).not.toHaveBeenCalled();
      // A cookie that was lost is written again.
      expect(changed).toHaveBeenCalledTimes(where === "local" ? 1 : 0);
    },
  );

  test("the newer copy wins, before anything opens; on a tie the more restrictive", async () => {
    store(everything({ seq: 8 }), "cookie");
    store(nothing({ seq: 9 }), "local");
    expect(reasons(await started()).ads).toBe("partner_refused");
    expect(steps).toEqual(["changed cart", "tell cart", "open cart"]);
    store(nothing({ seq: 8 }), "local");
    expect(reasons(await started()).ads).toBe("partner_refused");
    expect(steps.slice(3)).toEqual(["changed cart", "tell cart", "open cart"]);
    store(everything({ seq: 10 }), "local");
    expect(reasons(await started()).ads).toBe("granted");
  });

  test("two cookies of one name are a doubt: only exempt tags run", async () => {
    store(everything());
    document.cookie = `cm_shown=3;${COOKIE}`;
    document.cookie = `cm_choices=${encode(everything(), config.ids)};Path=/shop`;
    const device = open();
    expect(reasons(device)).toMatchObject({ ads: "no_choice", own: "no_choice", cart: "exempt" });
    expect(device.isDoubtful).toBe(true);
    await settle();
    expect(reasons(device)).toMatchObject({ ads: "no_choice", own: "no_choice", cart: "exempt" });
    expect(steps.at(-1)).toBe("open cart");
  });

  test("nor does what was acknowledged open anything where there is a doubt", async () => {
    store(everything());
    document.cookie = `cm_choices=${encode(everything(), config.ids)};Path=/shop`;
    await acknowledge(everything({ seq: 9 }));
    const device = await started();
    expect(device.choices).toBeNull();
    expect(steps.at(-1)).toBe("open cart");
  });

  test("a doubt does not lose a refusal that nothing could record yet", async () => {
    store(nothing({ seq: 9, is_unsent: true }), "cookie");
    vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
    const device = await started();
    expect(device.isDoubtful).toBe(true);
    expect(device.choices).toMatchObject({ seq: 9, is_unsent: true });
    expect(changed).toHaveBeenCalledOnce();
  });

  test.each(["cookie", "localStorage"])("a %s that throws is a doubt", async (what) => {
    store(everything());
    document.cookie = `cm_shown=3;${COOKIE}`;
    if (what === "cookie") vi.spyOn(document, "cookie", "get").mockImplementation(blocked);
    else vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
    const device = await started();
    expect(steps.at(-1)).toBe("open cart");
    expect(reasons(device)).toMatchObject({ ads: "no_choice", own: "no_choice", cart: "exempt" });
    expect(device.isAsking()).toBe(true);
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
    expect(steps).toEqual(["changed cart", "tell cart", "open cart"]);
  });

  test("also where something older still waits", async () => {
    store(everything({ seq: 5 }));
    const known = { ...entry(4), choices: nothing({ seq: 9 }) };
    await createStore().put({ ...known, idempotency_key: "sent", is_sent: true });
    await createStore().put(entry(6, "allow", false, everything({ seq: 6 })));
    expect(reasons(await started()).ads).toBe("partner_refused");
  });

  test("and is no news, it changes nothing", async () => {
    store(everything({ seq: 5 }));
    await acknowledge(everything({ seq: 5 }));
    expect(reasons(await started()).ads).toBe("granted");
    expect(changed).not.toHaveBeenCalled();
  });
});

describe("what waits to be sent", () => {
  test("after a crash it is newer than the cookie: heard before anything opens", async () => {
    store(everything({ seq: 5 }));
    await createStore().put(entry(6, "refuse", true, nothing({ seq: 6 })));
    const device = open();
    await settle();
    expect(reasons(device).ads).toBe("partner_refused");
    expect(steps).toEqual(["changed cart", "tell cart", "open cart"]);
  });

  test("is left to be sent when it is older, and changes nothing", async () => {
    store(everything({ seq: 5 }));
    await createStore().put(entry(4, "refuse", true, nothing({ seq: 4 })));
    const device = open();
    await settle();
    expect(reasons(device).ads).toBe("granted");
    expect(changed).toHaveBeenCalledOnce();
  });
});

describe("another tab", () => {
  test.each([
    ["a decision there", () => new StorageEvent("storage", { key: "cm_choices", newValue: "…" })],
    ["coming back to this page", () => new PageTransitionEvent("pageshow", { persisted: true })],
  ])("%s takes effect here at once", async (_, event) => {
    store(everything());
    const device = open();
    await settle();
    steps = [];
    store(nothing({ seq: 99 }));
    dispatchEvent(event());
    expect(reasons(device).ads).toBe("partner_refused");
    expect(steps).toEqual(["update cart", "changed cart"]);
  });

  test("what it stored opens nothing here while the cookie is in doubt", async () => {
    store(everything());
    document.cookie = `cm_choices=${encode(everything(), config.ids)};Path=/shop`;
    const device = await started();
    store(everything({ seq: 99 }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    expect(reasons(device).ads).toBe("no_choice");
  });

  test("what is older there, or something else, changes nothing", async () => {
    store(everything({ seq: 9 }));
    const device = open();
    await settle();
    steps = [];
    dispatchEvent(new StorageEvent("storage", { key: "basket", newValue: "…" }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: null }));
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: false }));
    expect(steps).toEqual([]);
    store(nothing({ seq: 8 }));
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    expect(reasons(device).ads).toBe("granted");
  });
});
