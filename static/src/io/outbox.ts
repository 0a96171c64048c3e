// Decisions that the service has not acknowledged yet. A refusal is never lost: it is kept in
// IndexedDB (the only browser store that survives a crash at once) until a 2xx names it, and is
// sent again on load, when the network returns, when the page is looked at, and on a timer.

import type { Choices, Recorded } from "../core/types.ts";
import type { Api, ConsentBody } from "./api.ts";
import { readLocal, writeLocal } from "./storage.ts";

export interface Entry {
  idempotency_key: string;
  body: ConsentBody;
  /** The device's choices after this decision. */
  choices: Choices;
  /** Something is refused in it, so it may never be dropped. */
  refuses: boolean;
  /** Stands in for a refusal that the service did not take as it was. */
  minimal?: boolean;
}

/** The three operations that a store of entries needs. */
interface Store {
  put(entry: Entry): Promise<unknown>;
  all(): Promise<Entry[]>;
  remove(key: string, replacement?: Entry): Promise<unknown>;
}

export interface Outcome {
  recorded(answer: Recorded, entry: Entry): void;
  /** A grant that the service will not record: it must not stay open. */
  dropped(entry: Entry): void;
  /** The service takes not even the minimal refusal. It stays here and is tried on every load. */
  stuck(status: number): void;
}

const KEY = "cm_outbox";
const newestFirst = (a: Entry, b: Entry) => b.body.client_seq - a.body.client_seq;

export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function openDatabase(): Promise<Store> {
  return new Promise((resolve, reject) => {
    // An IndexedDB that never answers (seen in private windows) counts as blocked.
    setTimeout(reject, 1000);
    const request = indexedDB.open("cm", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("outbox", { keyPath: "idempotency_key" });
    };
    request.onerror = reject;
    request.onsuccess = () => {
      const database = request.result;
      const run = <T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>) =>
        new Promise<T>((done, fail) => {
          const transaction = database.transaction("outbox", mode, { durability: "strict" });
          const result = work(transaction.objectStore("outbox"));
          transaction.oncomplete = () => done(result.result);
          transaction.onabort = transaction.onerror = fail;
        });
      resolve({
        put: (entry) => run("readwrite", (store) => store.put(entry)),
        all: () => run("readonly", (store) => store.getAll() as IDBRequest<Entry[]>),
        remove: (key, replacement) =>
          run("readwrite", (store) => {
            if (replacement) store.put(replacement);
            return store.delete(key);
          }),
      });
    };
  });
}

/** Where IndexedDB is blocked: a list in localStorage, and in memory where that is blocked too. */
function openList(): Store {
  let memory: Entry[] = [];
  const read = (): Entry[] => {
    try {
      return JSON.parse(readLocal(KEY) ?? "null") ?? memory;
    } catch {
      return memory;
    }
  };
  const change = async (key: string, entry?: Entry) => {
    memory = read().filter((other) => other.idempotency_key !== key);
    if (entry) memory.push(entry);
    writeLocal(KEY, JSON.stringify(memory));
  };
  return {
    put: (entry) => change(entry.idempotency_key, entry),
    all: async () => read(),
    remove: change,
  };
}

export interface Outbox {
  /** Resolves when the entry would survive a crash. */
  put(entry: Entry): Promise<void>;
  /** Newest first. */
  all(): Promise<Entry[]>;
  /** Send one entry now, without waiting for a flusher: sending twice is harmless. */
  send(entry: Entry): Promise<boolean>;
  /** Send everything that waits, in one tab at a time. */
  flush(): Promise<void>;
  /** Keep trying while the page is open. */
  watch(): void;
}

export function createOutbox(api: Pick<Api, "record">, outcome: Outcome): Outbox {
  let opening = openDatabase().catch(openList);
  let busy = false;
  let again = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  async function put(entry: Entry): Promise<void> {
    try {
      await (await opening).put(entry);
    } catch {
      // Quota, or a database closed under us: the list is better than nothing.
      opening = Promise.resolve(openList());
      await (await opening).put(entry);
    }
  }

  async function all(): Promise<Entry[]> {
    try {
      return (await (await opening).all()).sort(newestFirst);
    } catch {
      return [];
    }
  }

  /** False = the service did not answer usefully; try later. */
  async function send(entry: Entry): Promise<boolean> {
    const { status, body, retryAfter } = await api.record(entry.body);
    const remove = async (replacement?: Entry) =>
      (await opening).remove(entry.idempotency_key, replacement);
    if (status < 200 || status === 408 || status === 429 || status >= 500) {
      // Full jitter, 2 s · 2^n up to 5 minutes, never sooner than the service asked for.
      const backoff = Math.random() * Math.min(300_000, 2000 * 2 ** failures++);
      clearTimeout(timer);
      timer = setTimeout(flush, Math.max(1000, backoff, retryAfter));
      return false;
    }
    failures = 0;
    if (status < 300) {
      await remove();
      if (body) outcome.recorded(body, entry);
    } else if (!entry.refuses) {
      await remove();
      outcome.dropped(entry);
    } else if (!entry.minimal) {
      // The service does not take this refusal as it is. The least it must take: refuse everything.
      const { site, notice, client_seq, surface, language } = entry.body;
      const key = newKey();
      const minimal: Entry = {
        idempotency_key: key,
        body: {
          site,
          notice,
          idempotency_key: key,
          client_seq,
          method: "refuse",
          surface,
          language,
        },
        choices: entry.choices,
        refuses: true,
        minimal: true,
      };
      await remove(minimal);
      return send(minimal);
    } else {
      outcome.stuck(status);
    }
    return true;
  }

  async function sendAll(): Promise<void> {
    while (again) {
      again = false;
      const tried = new Set<string>();
      // The list is read again each time: a refusal made meanwhile goes first.
      for (;;) {
        const entry = (await all()).find((other) => !tried.has(other.idempotency_key));
        if (!entry) break;
        tried.add(entry.idempotency_key);
        if (!(await send(entry))) break;
      }
    }
  }

  async function flush(): Promise<void> {
    again = true;
    if (busy) return;
    busy = true;
    clearTimeout(timer);
    // Without locks (an insecure page) every tab sends for itself: idempotent, only wasteful.
    await (navigator.locks?.request(KEY, sendAll).catch(sendAll) ?? sendAll());
    busy = false;
  }

  function watch(): void {
    addEventListener("online", flush);
    document.addEventListener("visibilitychange", flush);
    void flush();
  }

  return { put, all, send, flush, watch };
}
