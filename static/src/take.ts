// A decision is taken, in the promised order: memory, cookie and tags in one task; when the frame is
// out, localStorage and database; then act.ts, which does the rest, and the network. Nothing waits for
// the network, a refusal is never lost, a grant opens nothing before it is stored.

import { encode } from "./core/state.ts";
import type { Choices, Maps, Method, Surface } from "./core/types.ts";
import type { Outcome } from "./decision.ts";
import { inDatabase, type Kept } from "./io/database.ts";
import { newKey } from "./io/key.ts";
import { saveChoices } from "./io/save.ts";
import { attempt, CHOICES, loadCookies } from "./io/storage.ts";
import { wait } from "./io/wait.ts";
import type { Host } from "./loader.ts";

export interface Taking {
  /**
   * Open the tags, if it is sure that no stored refusal was missed: after a crash the cookie may be
   * older than the database, and another tab may have decided since this page has looked.
   */
  confirm(rows: Kept[]): void;
  /** Stored, and in effect for the tags, when this returns. `maps`: the answers, if not all alike. */
  take(choices: Choices, method: Method, surface: Surface, maps?: Maps): Promise<Outcome>;
  /** Make sure that a decision survives a crash. */
  keep(choices: Choices, method: Method, surface: Surface, maps?: Maps): Promise<Kept>;
}

/** Milliseconds until a frame is out. */
const FRAME = 40;
/** And until the tags of an answer are on their way. */
const TAGS = 100;

/** `begin`: call act.ts for what else it does on a page. */
export function createTake(host: Host, begin: () => void): Taking {
  const { device, made, tags } = host;
  const { ids } = device.config;

  function open(): string[] {
    device.isOpen = true;
    // The vendors hear of it before their tags open.
    const told = host.tell();
    tags.slots().forEach(tags.settle);
    return told;
  }

  async function keep(...[choices, method, surface, maps]: Parameters<Taking["keep"]>) {
    const { language } = host;
    const kept: Kept = {
      idempotency_key: newKey(),
      device_seed: newKey(),
      choices,
      method,
      surface,
      language,
      maps,
    };
    made.push(kept);
    await wait(FRAME);
    // The other tabs hear of it.
    attempt(() => (localStorage[CHOICES] = encode(choices, ids)));
    // Unless it was acknowledged meanwhile.
    if (made.includes(kept)) await inDatabase((store) => store.put(kept)).catch(() => {});
    return kept;
  }

  return {
    keep,
    confirm(rows) {
      const { choices } = device;
      const text = encode(choices, ids);
      const isKnown = ({ choices: other }: Kept) =>
        encode(other, ids) === text || other.seq < (choices?.seq ?? 0);
      if (encode(loadCookies(device.config)[0], ids) === text && rows.every(isKnown)) open();
    },
    async take(...decision) {
      const [next, method] = decision;
      host.count?.(next.seq);
      // Unstored grants stay shut until the service has them.
      device.choices = saveChoices(encode(next, ids)!) ? next : { ...next, granted: [] };
      const told = open();
      const kept = keep(...decision);
      if (!host.decided) await wait(TAGS);
      begin();
      // What would stop a script that has run cannot be had: the next page does not open it.
      setTimeout(
        () =>
          host.decided ||
          [...tags.ran].every((code) => told.includes(code) || device.decide(code).allowed) ||
          location.reload(),
        1000,
      );
      return (await host.act()).commit(method, told, kept);
    },
  };
}
