// Where decisions wait: in IndexedDB; where that is blocked or full, on this page.

import { IDBDatabase, IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Kept } from "../../static/src/io/database.ts";
import { newKey } from "../../static/src/io/key.ts";
import type { Entry } from "../../static/src/io/store.ts";
import {
  chosen,
  clearBrowser,
  entry,
  isolate,
  keptOf,
  openStore as open,
  putInDatabase as put,
  release,
} from "./site.ts";

const seqs = async (store = open()) =>
  (await (await store).all()).map((one) => one.body.client_seq);
const seeds = async (store = open()) =>
  (await (await store).all()).map((one) => one.body.device_seed);
const blocked = () => {
  throw new DOMException("blocked", "SecurityError");
};
/** One that opens and then takes nothing, as where the disk is full. */
function full(): void {
  const factory = new IDBFactory();
  vi.stubGlobal("indexedDB", {
    open(...name: [string, number]) {
      const request = factory.open(...name);
      request.addEventListener("success", () => {
        const { transaction } = request.result;
        request.result.transaction = (...words: Parameters<typeof transaction>) =>
          words[1] === "readwrite" ? blocked() : transaction.apply(request.result, words);
      });
      return request;
    },
  });
}
const sent = (seq: number): Entry => ({ ...entry(seq), idempotency_key: "sent", is_sent: true });

beforeEach(() => {
  isolate();
  vi.stubGlobal("indexedDB", new IDBFactory());
});
afterEach(() => {
  release();
  vi.unstubAllGlobals();
  clearBrowser();
});

test("keys are never the same, and hold no more than chance", () => {
  const keys = Array.from({ length: 50 }, newKey);
  expect(new Set(keys).size).toBe(50);
  for (const key of keys) expect(key).toMatch(/^[\da-f]{32}$/);
});

describe("what a page kept is made ready to be sent", () => {
  const ready = async (row: Kept) => {
    await put(row);
    return (await (await open()).all())[0]!;
  };
  const choices = chosen({
    granted: ["purpose:analytics", "partner:google"],
    refused: ["partner:criteo"],
    notice: 2,
    seq: 9,
  });

  test("a refusal names nothing", async () => {
    const row = keptOf(choices, { method: "refuse", surface: "dialog", language: "en" });
    const { idempotency_key, device_seed } = row;
    expect(await ready(row)).toEqual({
      idempotency_key,
      body: {
        site: "kloset",
        notice: 2,
        idempotency_key,
        client_seq: 9,
        method: "refuse",
        surface: "dialog",
        language: "en",
        device_seed,
      },
      choices,
      refuses: true,
    });
  });

  test("what was answered is sent, and nothing else", async () => {
    const maps = { purposes: { advertising: true }, data_items: {}, partners: {} };
    const { body, refuses } = await ready(keptOf(choices, { method: "choose", maps }));
    expect(body).toMatchObject(maps);
    expect(refuses).toBe(false);
  });

  test("one that takes something back may never be dropped", async () => {
    const maps = { purposes: { advertising: true }, data_items: {}, partners: { line: false } };
    expect((await ready(keptOf(choices, { method: "choose", maps }))).refuses).toBe(true);
  });

  test("where everything was answered alike, it is read off the choices", async () => {
    const { body, refuses } = await ready(keptOf(choices, { method: "choose" }));
    expect(body).toMatchObject({
      purposes: { analytics: true },
      data_items: {},
      partners: { google: true, criteo: false },
    });
    expect(refuses).toBe(true);
    const all = chosen({ granted: choices.granted, seq: 10 });
    expect((await ready(keptOf(all, { method: "allow" }))).refuses).toBe(false);
  });

  test("a grant of everything names only what it grants", async () => {
    // An earlier refusal of what is not asked any more is no part of it.
    const { body, refuses } = await ready(keptOf(choices, { method: "allow" }));
    expect(body.partners).toEqual({ google: true });
    expect(refuses).toBe(false);
  });

  test("under a browser signal it says so", async () => {
    expect((await ready(keptOf(choices))).body).not.toHaveProperty("gpc");
    const under = chosen({ with_signal: true, seq: 10 });
    expect((await ready(keptOf(under))).body.gpc).toBe(true);
  });
});

describe("with IndexedDB", () => {
  test("what was put is found by another page, newest first; localStorage has no list", async () => {
    for (const seq of [3, 9, 5]) await put(keptOf(chosen({ seq })));
    expect(await seqs()).toEqual([9, 5, 3]);
    expect(Object.keys(localStorage)).toEqual(["cm_seed"]);
  });

  test("what this page made is there once, before it is in the database and after", async () => {
    const row = keptOf(chosen({ seq: 4 }));
    const store = open([row]);
    expect(await seqs(store)).toEqual([4]);
    await put(row);
    expect(await seqs(store)).toEqual([4]);
  });

  test("what is removed is gone, and nothing else", async () => {
    const [one, other] = [entry(4), entry(5)];
    await put(one, other);
    const made = [one];
    await (await open(made)).replace(one.idempotency_key);
    expect(made).toEqual([]);
    expect(await seqs()).toEqual([5]);
  });

  test("a replacement takes its place in one transaction", async () => {
    const [one, other] = [entry(4), entry(4)];
    await put(one);
    const store = await open();
    await store.all();
    const begun = vi.spyOn(IDBDatabase.prototype, "transaction");
    await store.replace(one.idempotency_key, other);
    expect(begun.mock.calls.filter(([, mode]) => mode === "readwrite")).toHaveLength(1);
    expect((await (await open()).all()).map((found) => found.idempotency_key)).toEqual([
      other.idempotency_key,
    ]);
  });
});

describe("the seed", () => {
  test("of the oldest goes with all of them, on each page", async () => {
    const old = keptOf(chosen({ seq: 3 }));
    await put(keptOf(chosen({ seq: 5 })), old);
    expect(await seeds()).toEqual([old.device_seed, old.device_seed]);
    await put(keptOf(chosen({ seq: 2 })), entry(7));
    expect(new Set(await seeds())).toEqual(new Set([old.device_seed]));
  });

  test("goes with none, once the service knows this browser", async () => {
    await put(keptOf(chosen({ seq: 3 })), entry(7), sent(2));
    expect(await seeds()).toEqual([undefined, undefined, undefined]);
    expect(localStorage.getItem("cm_seed")).toBeNull();
  });

  test("is the same on this page where nothing can be stored", async () => {
    vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
    vi.stubGlobal("indexedDB", undefined);
    const made = [keptOf(chosen({ seq: 3 }))];
    const [store, { device_seed }] = [open(made), made[0]!];
    made.push(keptOf(chosen({ seq: 5 })));
    expect(await seeds(store)).toEqual([device_seed, device_seed]);
    expect(await seeds(store)).toEqual([device_seed, device_seed]);
  });
});

describe.each([
  ["is blocked", () => vi.stubGlobal("indexedDB", { open: blocked })],
  ["is missing", () => vi.stubGlobal("indexedDB", undefined)],
  ["is full", full],
])("where IndexedDB %s", (_, prepare) => {
  beforeEach(prepare);

  test("this page remembers what was made on it, newest first", async () => {
    const [one, other] = [keptOf(chosen({ seq: 4 })), keptOf(chosen({ seq: 6 }))];
    const store = await open([one, other]);
    expect(await seqs(Promise.resolve(store))).toEqual([6, 4]);
    await store.replace(one.idempotency_key);
    expect(await seqs(Promise.resolve(store))).toEqual([6]);
  });

  test("a replacement takes its place", async () => {
    const one = keptOf(chosen({ seq: 4 }));
    const other = entry(4);
    const store = await open([one]);
    await store.replace(one.idempotency_key, other);
    expect((await store.all()).map((found) => found.idempotency_key)).toEqual([
      other.idempotency_key,
    ]);
  });

  test("what was acknowledged is done with", async () => {
    const one = keptOf(chosen({ seq: 4 }));
    const store = await open([one]);
    await store.replace(one.idempotency_key, sent(4));
    expect(await store.all()).toEqual([]);
  });
});
