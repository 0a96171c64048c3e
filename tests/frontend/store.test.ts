// Where decisions wait: in IndexedDB, else in localStorage, else on this page.

import { IDBDatabase, IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createStore, newKey } from "../../static/src/io/store.ts";
import { clearBrowser, entry } from "./site.ts";

const open = createStore;
const seqs = async (store = open()) => (await store.all()).map((one) => one.body.client_seq);
const listed = () => JSON.parse(localStorage.getItem("cm_outbox") ?? "null");
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

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
});
afterEach(() => {
  vi.unstubAllGlobals();
  clearBrowser();
});

test("keys are never the same, and hold no more than chance", () => {
  const keys = Array.from({ length: 50 }, newKey);
  expect(new Set(keys).size).toBe(50);
  for (const key of keys) expect(key).toMatch(/^[\da-f]{32}$/);
});

describe("with IndexedDB", () => {
  test("what was put is found by another page, newest first; localStorage stays empty", async () => {
    const store = open();
    for (const seq of [3, 9, 5]) await store.put(entry(seq));
    expect(await seqs()).toEqual([9, 5, 3]);
    expect(listed()).toBeNull();
  });

  test("an entry that is put twice is there once", async () => {
    const store = open();
    const one = entry(4);
    await store.put(one);
    await store.put(one);
    expect(await store.all()).toEqual([one]);
  });

  test("what is removed is gone, and nothing else", async () => {
    const store = open();
    const one = entry(4);
    await store.put(one);
    await store.put(entry(5));
    await store.remove(one.idempotency_key);
    expect(await seqs()).toEqual([5]);
  });

  test("a replacement takes its place in one transaction", async () => {
    const store = open();
    const [one, other] = [entry(4), entry(4)];
    await store.put(one);
    const begun = vi.spyOn(IDBDatabase.prototype, "transaction");
    await store.remove(one.idempotency_key, other);
    expect(begun.mock.calls.filter(([, mode]) => mode === "readwrite")).toHaveLength(1);
    expect(await open().all()).toEqual([other]);
  });

  test("where entries lie in both places, all are found, and each once", async () => {
    const [one, other] = [entry(4), entry(6)];
    await open().put(one);
    localStorage.setItem("cm_outbox", JSON.stringify([one, other]));
    expect(await seqs()).toEqual([6, 4]);
    await open().remove(one.idempotency_key);
    expect(await seqs()).toEqual([6]);
  });
});

describe.each([
  ["is blocked", () => vi.stubGlobal("indexedDB", { open: blocked })],
  ["is missing", () => vi.stubGlobal("indexedDB", undefined)],
  ["is full", full],
])("where IndexedDB %s", (_, prepare) => {
  beforeEach(prepare);

  test("localStorage keeps what was put, for another page as well", async () => {
    const [one, other] = [entry(4), entry(6)];
    await open().put(one);
    await open().put(other);
    expect(listed()).toHaveLength(2);
    expect(await seqs()).toEqual([6, 4]);
    await open().remove(one.idempotency_key);
    expect(await seqs()).toEqual([6]);
  });

  test("a replacement takes its place", async () => {
    const [one, other] = [entry(4), entry(4)];
    await open().put(one);
    await open().remove(one.idempotency_key, other);
    expect(await open().all()).toEqual([other]);
  });

  test("and localStorage takes nothing: this page remembers", async () => {
    vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
    const store = open();
    const one = entry(4);
    await store.put(one);
    await store.put(entry(6));
    expect(await seqs(store)).toEqual([6, 4]);
    await store.remove(one.idempotency_key);
    expect(await seqs(store)).toEqual([6]);
  });
});

test("a list in localStorage that is nonsense is an empty one", async () => {
  localStorage.setItem("cm_outbox", "{nonsense");
  expect(await open().all()).toEqual([]);
  await open().put(entry(4));
  expect(await seqs()).toEqual([4]);
});
