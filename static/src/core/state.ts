// What this device decided: the cookie's text ⇄ Choices; one answer to everything.

import type { ChoiceId, Choices, Config } from "./types.ts";

type Ids = Config["ids"];

export const DAY = 86400;

// Bit 0 is the most significant bit of the first nibble; past the end reads as 0 (NaN & n).
function toHex(chosen: ChoiceId[], ids: Ids): string {
  const nibbles: number[] = [];
  for (const id of Object.keys(ids)) {
    const [number] = ids[id]!;
    if (chosen.includes(id)) nibbles[number >> 2]! |= 8 >> (number & 3);
  }
  return Array.from(nibbles, (nibble) => (nibble | 0).toString(16)).join("");
}

const fromHex = (hex: string, ids: Ids): ChoiceId[] =>
  Object.keys(ids).filter((id) => {
    const [number] = ids[id]!;
    return parseInt(hex.charAt(number >> 2), 16) & (8 >> (number & 3));
  });

/** `1.<notice>.<decided_at>.<flags>.<seq>.<granted hex>.<refused hex>`; flags: 1 signal, 2 unsent */
export const encode = <T extends null | undefined>(choices: Choices | T, ids: Ids): string | T =>
  choices &&
  [
    1,
    choices.notice,
    choices.decided_at,
    +choices.with_signal + (choices.is_unsent ? 2 : 0),
    choices.seq,
    toHex(choices.granted, ids),
    toHex(choices.refused, ids),
  ].join(".");

/** The reverse of `encode`; null when the text is anything else. */
export function decode(text: string | null | undefined, ids: Ids): Choices | null {
  const part = /^1\.(\d{1,9})\.(\d{1,11})\.(\d)\.(\d{1,15})\.([\da-f]*)\.([\da-f]*)$/.exec(
    text ?? "",
  );
  if (!part) return null;
  const refused = fromHex(part[6]!, ids);
  return {
    granted: fromHex(part[5]!, ids).filter((id) => !refused.includes(id)),
    refused,
    decided_at: +part[2]!,
    notice: +part[1]!,
    with_signal: (+part[3]! & 1) > 0,
    seq: +part[4]!,
    ...(+part[3]! & 2 && { is_unsent: true }),
  };
}

/** Ids that a visitor can answer: what the tags that are not exempt need, or would like. */
export function askedIds({ tags }: Config): ChoiceId[] {
  const gated = Object.values(tags).filter((tag) => !tag.exempt);
  return [...new Set(gated.flatMap(({ needed, optional }) => needed.concat(optional ?? [])))];
}

/** Counts up from the clock: a browser that lost its cookies must not fall behind its own past. */
export const nextSeq = (earlier: Choices | null, now: number) =>
  Math.max((earlier?.seq ?? 0) + 1, Math.floor(now * 1000));

/** Everything that is asked answered alike; refusing refuses also what was granted before. */
export function answerAll(
  config: Config,
  earlier: Choices | null,
  isGranted: boolean,
  with_signal: boolean,
  now: number,
): Choices {
  const asked = askedIds(config);
  const before = earlier?.refused ?? [];
  return {
    granted: isGranted ? asked : [],
    refused: isGranted
      ? before.filter((id) => !asked.includes(id))
      : [...before, ...asked, ...(earlier?.granted ?? [])],
    decided_at: Math.floor(now),
    notice: config.notice,
    with_signal,
    seq: nextSeq(earlier, now),
    is_unsent: true,
  };
}
