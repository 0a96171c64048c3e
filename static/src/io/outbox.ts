// Sends what the service has not acknowledged: at once, on load, when the network returns, when the
// page is looked at, and on a timer. A refusal is never lost: it stays in the store until a 2xx
// names it.

import type { Choices, Recorded } from "../core/types.ts";
import type { Answer, ConsentBody } from "./api.ts";
import { newKey } from "./key.ts";
import type { Entry, Store } from "./store.ts";

const SENT = "sent";

export interface Outcome {
  /** Answers what the device has decided by now. */
  recorded(answer: Recorded, entry: Entry): Choices;
  /** A grant that the service will not record: it must not stay open. */
  dropped(entry: Entry, status: number): void;
  /** The service takes not even the minimal refusal. It stays here and is tried on every load. */
  stuck(status: number): void;
}

export interface Outbox {
  /**
   * Send one entry now, without waiting for a flusher: sending twice is harmless. False = the
   * service did not answer usefully; it is tried again.
   */
  send(entry: Entry): Promise<boolean>;
  /** Send everything that waits, in one tab at a time. */
  flush(): Promise<void>;
}

export function createOutbox(
  record: (body: ConsentBody) => Promise<Answer<Recorded>>,
  store: Store,
  outcome: Outcome,
): Outbox {
  let busy = false;
  let again = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;

  const underWay: Partial<Record<string, Promise<boolean>>> = {};

  /** A flusher finds what was just decided, too: it waits for the same answer. */
  function send(entry: Entry): Promise<boolean> {
    const { idempotency_key: key } = entry;
    return (underWay[key] ??= sendNow(entry).finally(() => delete underWay[key]));
  }

  async function sendNow(entry: Entry): Promise<boolean> {
    const { status, body, retryAfter } = await record(entry.body);
    const { idempotency_key: key, refuses, minimal, choices } = entry;
    if (status < 200 || status === 408 || status === 429 || status >= 500) {
      // Full jitter, 2 s · 2^n up to 5 minutes, never sooner than the service asked for.
      const backoff = Math.random() * Math.min(300_000, 2000 * 2 ** failures++);
      clearTimeout(timer);
      timer = setTimeout(flush, Math.max(1000, backoff, retryAfter));
      return false;
    }
    failures = 0;
    if (status < 300) {
      const known = body ? outcome.recorded(body, entry) : choices;
      delete entry.body.identifiers;
      // One acknowledged entry stays, always under the same key.
      await store.replace(key, { ...entry, idempotency_key: SENT, choices: known, is_sent: true });
    } else if (!refuses) {
      await store.replace(key);
      outcome.dropped(entry, status);
    } else if (!minimal) {
      // The service does not take this refusal as it is. The least it must take: refuse everything.
      const { site, notice, client_seq, surface, language, device_seed } = entry.body;
      const idempotency_key = newKey();
      const least: Entry = {
        idempotency_key,
        body: {
          ...{ site, notice, idempotency_key, client_seq, surface, language },
          method: "refuse",
          ...(device_seed && { device_seed }),
        },
        choices,
        refuses,
        minimal: true,
      };
      await store.replace(key, least);
      return send(least);
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
        const entry = (await store.all()).find(
          (other) => !other.is_sent && !tried.has(other.idempotency_key),
        );
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
    await (navigator.locks?.request("cm_outbox", sendAll).catch(sendAll) ?? sendAll());
    busy = false;
  }

  for (const type of ["online", "visibilitychange"]) addEventListener(type, flush);
  return { send, flush };
}
