// Choices → the text that the cookie and localStorage keep.

import type { ChoiceId, Choices, Config } from "./types.ts";

type Ids = Config["ids"];

// Bit 0 is the most significant bit of the first nibble.
function toHex(chosen: ChoiceId[], ids: Ids): string {
  const nibbles: number[] = [];
  for (const id of Object.keys(ids)) {
    const [number] = ids[id]!;
    if (chosen.includes(id)) nibbles[number >> 2]! |= 8 >> (number & 3);
  }
  return Array.from(nibbles, (nibble) => (nibble | 0).toString(16)).join("");
}

/** `1.<notice>.<decided_at>.<flags>.<seq>.<granted hex>.<refused hex>` */
export const encode = (choices: Choices, ids: Ids): string =>
  [
    1,
    choices.notice,
    choices.decided_at,
    +choices.with_signal,
    choices.seq,
    toHex(choices.granted, ids),
    toHex(choices.refused, ids),
  ].join(".");

