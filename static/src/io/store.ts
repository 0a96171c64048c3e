// This browser's newest decision, and those that the service has not acknowledged yet. They lie in
// IndexedDB, the only browser store that survives a crash at once, or in a list in localStorage where
// that is blocked or full. Where both are, only this page remembers them.

import type { Choices } from "../core/types.ts";
import type { ConsentBody } from "./api.ts";
import { readLocal } from "./copy.ts";
import { writeLocal } from "./save.ts";
import { attempt } from "./storage.ts";

export interface Entry {
  idempotency_key: string;
  body: ConsentBody;
  /** The device's choices after this decision. */
  choices: Choices;
  /** Something is refused in it, so it may never be dropped. */
  refuses: boolean;
  /** Acknowledged: kept, since a crash can bring an older cookie back. */
  is_sent?: boolean;
  /** Stands in for a refusal that the service did not take as it was. */
  minimal?: boolean;
}

export interface Store {
  /** Resolves when the entry would survive a crash. */
  put(entry: Entry): Promise<unknown>;
  /** Newest first, each once. */
  all(): Promise<Entry[]>;
  remove(key: string, replacement?: Entry): Promise<unknown>;
}

const OUTBOX = "cm_outbox";

export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");

/** The database, or a rejection where it is blocked. */
const openDatabase = () =>
  new Promise<IDBDatabase>((resolve, reject) => {
    // An IndexedDB that never answers (seen in private windows) counts as blocked.
    setTimeout(reject, 1000);
    const request = indexedDB.open("cm", 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore("outbox", { keyPath: "idempotency_key" });
    request.onerror = reject;
    request.onsuccess = () => resolve(request.result);
  });

export function createStore(): Store {
  const opening = openDatabase();
  let memory: Entry[] = [];
  const listed = (): Entry[] => attempt(() => JSON.parse(readLocal(OUTBOX)!)) ?? memory;

  function list(key: string, entry?: Entry): void {
    const before = listed();
    if (!entry && !before.length) return;
    memory = before.filter((other) => other.idempotency_key !== key);
    if (entry) memory.push(entry);
    writeLocal(OUTBOX, JSON.stringify(memory));
  }

  const run = async (
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest | void,
  ): Promise<unknown> => {
    const database = await opening;
    return new Promise((done, fail) => {
      const transaction = database.transaction("outbox", mode, { durability: "strict" });
      const request = work(transaction.objectStore("outbox"));
      transaction.oncomplete = () => done(request?.result);
      transaction.onabort = transaction.onerror = fail;
    });
  };

  return {
    put: (entry) =>
      run("readwrite", (store) => store.put(entry)).catch(() =>
        list(entry.idempotency_key, entry),
      ),
    async all() {
      const stored = await run("readonly", (store) => store.getAll()).catch(() => []);
      const entries = (stored as Entry[]).concat(listed(), memory);
      return [...new Map(entries.map((entry) => [entry.idempotency_key, entry])).values()].sort(
        (a, b) => b.body.client_seq - a.body.client_seq,
      );
    },
    remove(key, replacement) {
      list(key);
      return run("readwrite", (store) => {
        if (replacement) store.put(replacement);
        store.delete(key);
      }).catch(() => replacement && list(replacement.idempotency_key, replacement));
    },
  };
}
