// IndexedDB, the only browser store that survives a crash at once: this browser's newest decision, and
// those that the service has not acknowledged yet.

import type { Choices, Maps, Method, Surface } from "../core/types.ts";

/** A decision as the page that took it keeps it. */
export interface Kept {
  idempotency_key: string;
  /** Of the oldest that waits: makes all decisions of a browser one device's, until it has a token. */
  device_seed: string;
  /** The device's choices after it. */
  choices: Choices;
  method: Method;
  surface: Surface;
  language: string;
  /** What was answered, if that was not everything alike. */
  maps?: Maps | undefined;
  /** Acknowledged: kept, since a crash can bring an older cookie back. */
  is_sent?: boolean;
}

const DATABASE = "cm";
const OUTBOX = "outbox";

let opening: Promise<IDBDatabase> | undefined;

/**
 * What the request of `work` answers, once it would survive a crash.
 *
 * :raises: where the database is blocked or full
 */
export async function inDatabase<T>(
  work: (store: IDBObjectStore) => IDBRequest | void,
  mode: IDBTransactionMode = "readwrite",
): Promise<T> {
  const database = await (opening ??= new Promise((resolve, reject) => {
    // An IndexedDB that never answers (seen in private windows) counts as blocked.
    setTimeout(reject, 1000);
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore(OUTBOX, { keyPath: "idempotency_key" });
    request.onerror = reject;
    request.onsuccess = () => resolve(request.result);
  }));
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(OUTBOX, mode, { durability: "strict" });
    const request = work(transaction.objectStore(OUTBOX));
    transaction.oncomplete = () => resolve(request?.result as T);
    transaction.onabort = transaction.onerror = reject;
  });
}

/** One that does not exist is not made to find that out. */
export async function hasDatabase(): Promise<boolean> {
  try {
    return (await indexedDB.databases()).some(({ name }) => name === DATABASE);
  } catch {
    // A browser that does not say.
    return true;
  }
}

/** Where it is blocked, nothing is kept in it. */
export const readKept = () =>
  inDatabase<Kept[]>((store) => store.getAll(), "readonly").catch((): Kept[] => []);
