// Keeps the entries that wait: in IndexedDB, or in a list in localStorage where that is blocked or
// full. Where both are, only this page remembers them.

import { readOutbox, OUTBOX, type Entry } from "./pending.ts";
import { writeLocal } from "./save.ts";
import { attempt, readLocal } from "./storage.ts";

export interface Store {
  /** Resolves when the entry would survive a crash. */
  put(entry: Entry): Promise<unknown>;
  /** Newest first, each once. */
  all(): Promise<Entry[]>;
  remove(key: string, replacement?: Entry): Promise<unknown>;
}

export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");

export function createStore(database: Promise<IDBDatabase>): Store {
  let memory: Entry[] = [];

  function list(key: string, entry?: Entry): void {
    const listed: Entry[] = attempt(() => JSON.parse(readLocal(OUTBOX)!)) ?? memory;
    if (!entry && !listed.length) return;
    memory = listed.filter((other) => other.idempotency_key !== key);
    if (entry) memory.push(entry);
    writeLocal(OUTBOX, JSON.stringify(memory));
  }

  const write = (work: (store: IDBObjectStore) => void) =>
    database.then(
      (opened) =>
        new Promise((done, fail) => {
          const transaction = opened.transaction("outbox", "readwrite", { durability: "strict" });
          work(transaction.objectStore("outbox"));
          transaction.oncomplete = done;
          transaction.onabort = transaction.onerror = fail;
        }),
    );

  return {
    put: (entry) =>
      write((store) => store.put(entry)).catch(() => list(entry.idempotency_key, entry)),
    async all() {
      const entries = (await readOutbox(database)).concat(memory);
      const each = new Map(entries.map((entry) => [entry.idempotency_key, entry]));
      return [...each.values()].sort((a, b) => b.body.client_seq - a.body.client_seq);
    },
    remove(key, replacement) {
      list(key);
      return write((store) => {
        if (replacement) store.put(replacement);
        store.delete(key);
      }).catch(() => replacement && list(replacement.idempotency_key, replacement));
    },
  };
}
