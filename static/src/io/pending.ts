// This browser's newest decision, and those that the service has not acknowledged yet, as a page finds
// them. They lie in IndexedDB, the only browser store that survives a crash at once, or in
// localStorage where that is blocked.

import type { Choices } from "../core/types.ts";
import type { ConsentBody } from "./api.ts";
import { attempt, readLocal } from "./storage.ts";

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

export const OUTBOX = "cm_outbox";

/** The database, or a rejection where it is blocked. */
export const openDatabase = () =>
  new Promise<IDBDatabase>((resolve, reject) => {
    // An IndexedDB that never answers (seen in private windows) counts as blocked.
    setTimeout(reject, 1000);
    const request = indexedDB.open("cm", 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore("outbox", { keyPath: "idempotency_key" });
    request.onerror = reject;
    request.onsuccess = () => resolve(request.result);
  });

const readDatabase = (database: IDBDatabase) =>
  new Promise<Entry[]>((done, fail) => {
    const request = database.transaction("outbox").objectStore("outbox").getAll();
    request.onsuccess = () => done(request.result);
    request.onerror = fail;
  });

/** Newest first. */
export async function readOutbox(database: Promise<IDBDatabase>): Promise<Entry[]> {
  const stored = await database.then(readDatabase).catch((): Entry[] => []);
  const listed: Entry[] = attempt(() => JSON.parse(readLocal(OUTBOX)!)) ?? [];
  return stored.concat(listed).sort((a, b) => b.body.client_seq - a.body.client_seq);
}
