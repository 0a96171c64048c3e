import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createOutbox, type Outcome } from "../../static/src/io/outbox.ts";
import type { Entry } from "../../static/src/io/store.ts";
import {
  chosen,
  clearBrowser,
  entry,
  fakeApi,
  isolate,
  keptOf,
  openStore,
  putInDatabase,
  recorded as answer,
  release,
  settle,
  waiting,
} from "./site.ts";

const recorded = () => answer();
let outcome: { [K in keyof Outcome]: ReturnType<typeof vi.fn> };

beforeEach(() => {
  isolate();
  vi.stubGlobal("indexedDB", new IDBFactory());
  outcome = { recorded: vi.fn(() => chosen()), dropped: vi.fn(), stuck: vi.fn() };
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  release();
  clearBrowser();
});

/** An outbox and its store, as a page has them. `made`: what this page decided itself. */
async function open(api: ReturnType<typeof fakeApi>, made: Parameters<typeof openStore>[0] = []) {
  const store = await openStore(made);
  const outbox = createOutbox((body) => api.record(body), store, outcome as unknown as Outcome);
  return {
    ...store,
    ...outbox,
    put: (row: Entry) => putInDatabase(row),
    waiting: () => waiting(store),
  };
}
const seqs = (entries: { client_seq: number }[]) => entries.map((one) => one.client_seq);

describe("the outbox", () => {
  test("keeps what was not acknowledged and deletes it by id after a 2xx", async () => {
    const api = fakeApi(0, recorded);
    const outbox = await open(api);
    const [first, second] = [entry(1), entry(2)];
    await outbox.put(first);
    await outbox.put(second);
    expect(await outbox.send(first)).toBe(false);
    expect(await outbox.waiting()).toHaveLength(2);
    expect(await outbox.send(first)).toBe(true);
    expect((await outbox.waiting()).map((one) => one.idempotency_key)).toEqual([
      second.idempotency_key,
    ]);
    expect(outcome.recorded).toHaveBeenCalledOnce();
    expect(api.sent[0]!.idempotency_key).toBe(api.sent[1]!.idempotency_key);
  });

  test("one that was acknowledged stays with what the device has decided by now, and is not sent", async () => {
    const known = chosen({ seq: 12 });
    outcome.recorded.mockReturnValue(known);
    const api = fakeApi(recorded);
    const outbox = await open(api);
    for (const seq of [3, 9, 5]) await outbox.put(entry(seq));
    await outbox.flush();
    expect(await outbox.all()).toMatchObject([
      { idempotency_key: "sent", is_sent: true, choices: known },
    ]);
    await outbox.flush();
    await (await open(api)).flush();
    expect(seqs(api.sent)).toEqual([9, 5, 3]);
    expect(await (await open(api)).all()).toHaveLength(1);
  });

  test("an answer without a body keeps the entry's own choices", async () => {
    const outbox = await open(fakeApi(201));
    const one = entry(4);
    await outbox.put(one);
    await outbox.flush();
    expect(await outbox.all()).toMatchObject([{ is_sent: true, choices: one.choices }]);
    expect(outcome.recorded).not.toHaveBeenCalled();
  });

  test("outlives the page: another one finds it and sends it", async () => {
    await putInDatabase(entry(7));
    const api = fakeApi(recorded);
    const outbox = await open(api);
    await outbox.flush();
    expect(seqs(api.sent)).toEqual([7]);
    expect(await outbox.waiting()).toEqual([]);
  });

  test("sends the newest first", async () => {
    const api = fakeApi(recorded);
    const outbox = await open(api);
    for (const seq of [3, 9, 5]) await outbox.put(entry(seq));
    await outbox.flush();
    expect(seqs(api.sent)).toEqual([9, 5, 3]);
  });

  test("what is under way is not sent a second time", async () => {
    const api = fakeApi(400, recorded);
    const outbox = await open(api);
    const one = entry(4, "choose");
    await outbox.put(one);
    await Promise.all([outbox.send(one), outbox.flush()]);
    expect(api.sent.map((body) => body.method)).toEqual(["choose", "refuse"]);
    expect(await outbox.waiting()).toEqual([]);
  });

  test("a refusal made while others are sent goes next and is not lost", async () => {
    const api = fakeApi();
    const outbox = await open(api);
    await outbox.put(entry(2, "allow"));
    await outbox.put(entry(1, "allow"));
    api.replies.push((body) => {
      if (body.client_seq === 2) void outbox.put(entry(8));
      return recorded();
    });
    const record = api.record;
    api.record = async (body) => {
      await settle(5);
      return record.call(api, body);
    };
    await outbox.flush();
    expect(seqs(api.sent)).toEqual([2, 8, 1]);
    expect(await outbox.waiting()).toEqual([]);
  });

  test.each([0, 408, 429, 500, 502, 503])(
    "keeps everything on %i and tries again later",
    async (status) => {
      const api = fakeApi(status);
      const outbox = await open(api);
      await outbox.put(entry(1));
      await outbox.put(entry(2));
      await outbox.flush();
      expect(seqs(api.sent)).toEqual([2]);
      expect(await outbox.waiting()).toHaveLength(2);
      api.replies[0] = recorded;
      await outbox.flush();
      expect(await outbox.waiting()).toEqual([]);
    },
  );

  test("waits as long as the service asks, and no shorter", async () => {
    const timer = vi.spyOn(globalThis, "setTimeout");
    const outbox = await open(fakeApi(() => ({ status: 503, retryAfter: 90_000 })));
    await outbox.send(entry(1));
    expect(timer.mock.calls.map((call) => call[1])).toContain(90_000);
  });

  test("backs off from two seconds to five minutes, with jitter", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const timer = vi.spyOn(globalThis, "setTimeout");
    const outbox = await open(fakeApi(503));
    await outbox.waiting();
    timer.mockClear();
    for (let i = 0; i < 9; i++) await outbox.send(entry(1));
    const waits = timer.mock.calls.map((call) => call[1]).filter((ms) => ms! >= 1000);
    expect(waits.slice(0, 4)).toEqual([2000, 4000, 8000, 16_000]);
    expect(waits[waits.length - 1]).toBe(300_000);
  });

  test("a refusal that is not taken becomes a minimal one, in one step", async () => {
    const api = fakeApi(400, recorded);
    const outbox = await open(api);
    const one = entry(4, "choose");
    await outbox.put(one);
    await outbox.flush();
    expect(api.sent[1]).toEqual({
      site: "kloset",
      notice: 3,
      client_seq: 4,
      method: "refuse",
      surface: "bar",
      language: "ja",
      device_seed: one.body.device_seed,
      idempotency_key: expect.not.stringMatching(one.idempotency_key),
    });
    expect(await outbox.waiting()).toEqual([]);
    expect(outcome.dropped).not.toHaveBeenCalled();
  });

  test("the minimal one is of the same device", async () => {
    const api = fakeApi(400, recorded);
    const outbox = await open(api);
    const one = entry(4, "choose");
    one.body.device_seed = "5eed";
    await outbox.put(one);
    await outbox.flush();
    expect(api.sent.map((body) => body.device_seed)).toEqual(["5eed", "5eed"]);
  });

  test("a minimal refusal that is not taken either is kept and reported", async () => {
    const outbox = await open(fakeApi(400));
    await outbox.put(entry(4, "choose"));
    await outbox.flush();
    expect(outcome.stuck).toHaveBeenCalledWith(400);
    expect(await outbox.waiting()).toMatchObject([
      { minimal: true, body: { method: "refuse", client_seq: 4 } },
    ]);
  });

  test.each([409, 400, 403])("a grant that is not taken (%i) is dropped", async (status) => {
    const outbox = await open(fakeApi(status));
    const one = entry(4, "allow");
    await outbox.put(one);
    await outbox.flush();
    expect(outcome.dropped).toHaveBeenCalledWith(one, status);
    expect(await outbox.waiting()).toEqual([]);
  });

  test("two tabs: one flushes at a time and each entry is acknowledged once", async () => {
    let queue: Promise<unknown> = Promise.resolve();
    let holders = 0;
    const request = (_: string, work: () => Promise<void>) =>
      (queue = queue.then(async () => {
        expect(++holders).toBe(1);
        await work();
        holders--;
      }));
    vi.stubGlobal("navigator", { ...navigator, locks: { request } });
    const api = fakeApi(recorded);
    const [a, b] = [await open(api), await open(api)];
    await a.put(entry(1));
    await b.put(entry(2));
    await Promise.all([a.flush(), b.flush()]);
    expect(seqs(api.sent)).toEqual([2, 1]);
    expect(outcome.recorded).toHaveBeenCalledTimes(2);
  });

  test("sends again when the network or the visitor comes back", async () => {
    const api = fakeApi(0);
    const outbox = await open(api);
    await outbox.put(entry(1));
    await outbox.flush();
    dispatchEvent(new Event("online"));
    await settle();
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    await settle();
    expect(api.sent).toHaveLength(3);
  });
});

describe("without IndexedDB", () => {
  test.each([
    ["it is missing", undefined],
    [
      "it throws",
      {
        open() {
          throw new DOMException("blocked", "SecurityError");
        },
      },
    ],
  ])("%s: this page sends what it made, once it can", async (_, indexedDB) => {
    vi.stubGlobal("indexedDB", indexedDB);
    const api = fakeApi(0, recorded);
    const outbox = await open(api, [keptOf(chosen({ seq: 3 }))]);
    await outbox.flush();
    expect(await outbox.waiting()).toHaveLength(1);
    await outbox.flush();
    expect(seqs(api.sent)).toEqual([3, 3]);
    expect(api.sent[1]!.idempotency_key).toBe(api.sent[0]!.idempotency_key);
    expect(await outbox.all()).toEqual([]);
    await outbox.flush();
    expect(api.sent).toHaveLength(2);
  });

  test("a refusal that is not taken becomes a minimal one on this page", async () => {
    vi.stubGlobal("indexedDB", undefined);
    const api = fakeApi(400, 0, recorded);
    const choices = chosen({ seq: 3, refused: ["partner:line"] });
    const outbox = await open(api, [keptOf(choices, { method: "choose" })]);
    await outbox.flush();
    expect(await outbox.waiting()).toMatchObject([{ minimal: true }]);
    await outbox.flush();
    expect(api.sent.map((body) => body.method)).toEqual(["choose", "refuse", "refuse"]);
    expect(await outbox.waiting()).toEqual([]);
  });

  test("it never answers: after a second it counts as blocked", async () => {
    const outbox = await open(fakeApi(0), [keptOf(chosen({ seq: 3 }))]);
    vi.useFakeTimers();
    vi.stubGlobal("indexedDB", { open: () => ({}) });
    const found = vi.fn();
    void outbox.waiting().then(found);
    await vi.advanceTimersByTimeAsync(999);
    expect(found).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(found).toHaveBeenCalledWith([expect.objectContaining({ refuses: true })]);
  });

  test("nor localStorage: memory keeps it for this page", async () => {
    vi.stubGlobal("indexedDB", undefined);
    const blocked = () => {
      throw new DOMException("blocked", "SecurityError");
    };
    vi.stubGlobal("localStorage", { getItem: blocked, setItem: blocked });
    const api = fakeApi(0, recorded);
    const outbox = await open(api, [keptOf(chosen({ seq: 3 }))]);
    await outbox.flush();
    await outbox.flush();
    expect(seqs(api.sent)).toEqual([3, 3]);
    expect(await outbox.waiting()).toEqual([]);
    vi.unstubAllGlobals();
  });
});
