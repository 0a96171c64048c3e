// The decisions that this browser keeps, ready to be sent. Where the database is blocked or full, the
// page still knows those that were made on it, and the cookie the newest.

import { toMaps } from "../core/apply.ts";
import type { ChoiceId, Choices, Config, Maps } from "../core/types.ts";
import type { ConsentBody } from "./api.ts";
import { inDatabase, readKept, type Kept } from "./database.ts";
import { attempt } from "./storage.ts";

export interface Entry {
  idempotency_key: string;
  body: ConsentBody;
  /** The device's choices after this decision. */
  choices: Choices;
  /** Something is refused in it, so it may never be dropped. */
  refuses: boolean;
  is_sent?: boolean;
  /** Stands in for a refusal that the service did not take as it was. */
  minimal?: boolean;
}

export interface Store {
  /** Newest first, each once. */
  all(): Promise<Entry[]>;
  /** In place of the entry of that key, or anew under it. */
  replace(key: string, replacement?: Entry): Promise<unknown>;
}

export const SEED = "cm_seed";

/** What was answered, where it has to be read off the choices. */
function mapsOf({ granted, refused }: Choices): Maps {
  const answers = new Map<ChoiceId, boolean>();
  for (const id of refused) answers.set(id, false);
  for (const id of granted) answers.set(id, true);
  return toMaps(answers);
}

function ready({ site }: Config, kept: Kept | Entry): Entry {
  if ("body" in kept) return kept;
  const { idempotency_key, device_seed, choices, method, surface, language, maps } = kept;
  const { notice, seq, with_signal } = choices;
  // A grant of everything refuses nothing, whatever else was refused before.
  const said = method === "allow" ? { ...choices, refused: [] } : choices;
  const answered = method === "refuse" ? undefined : (maps ?? mapsOf(said));
  return {
    idempotency_key,
    body: {
      ...{ site, notice, idempotency_key, client_seq: seq, method, surface, language },
      ...(with_signal && { gpc: true }),
      device_seed,
      ...answered,
    },
    choices,
    refuses: !answered || /false/.test(JSON.stringify(answered)),
  };
}

/** `made`: the decisions of this page that the service has not acknowledged. */
export function createStore(config: Config, made: (Kept | Entry)[]): Store {
  return {
    async all() {
      const kept: (Kept | Entry)[] = await readKept();
      const both = [...kept, ...made];
      const entries = [...new Map(both.map((one) => [one.idempotency_key, one])).values()]
        .map((one) => ready(config, one))
        .sort((a, b) => b.body.client_seq - a.body.client_seq);
      const oldest = entries.at(-1);
      if (entries.some(({ is_sent }) => is_sent)) {
        // The service knows this browser.
        for (const { body } of entries) delete body.device_seed;
      } else if (oldest) {
        const seed = attempt(() => localStorage.getItem(SEED)) ?? oldest.body.device_seed!;
        attempt(() => localStorage.setItem(SEED, seed));
        for (const { body } of entries) body.device_seed = seed;
      }
      return entries;
    },
    replace(key, replacement) {
      const at = made.findIndex(({ idempotency_key }) => idempotency_key === key);
      if (at >= 0) made.splice(at, 1);
      if (replacement && !replacement.is_sent) made.push(replacement);
      return inDatabase((store) => {
        store.delete(key);
        if (replacement) store.put(replacement);
      }).catch(() => {});
    },
  };
}
