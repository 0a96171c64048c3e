// What this device decided: the cookie's text → Choices; is there more to ask?

import { decide } from "./decide.ts";
import type { ChoiceId, Choices, Config } from "./types.ts";

type Ids = Config["ids"];

export const DAY = 86400;

// Bit 0 is the most significant bit of the first nibble; past the end reads as 0 (NaN & n).
const fromHex = (hex: string, ids: Ids): ChoiceId[] =>
  Object.keys(ids).filter((id) => {
    const [number] = ids[id]!;
    return parseInt(hex.charAt(number >> 2), 16) & (8 >> (number & 3));
  });

/** `1.<notice>.<decided_at>.<flags>.<seq>.<granted hex>.<refused hex>`; null for anything else. */
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
  };
}

/** Ids that a visitor can answer: what the tags that are not exempt need, or would like. */
export function askedIds({ tags }: Config): ChoiceId[] {
  const gated = Object.values(tags).filter((tag) => !tag.exempt);
  return [...new Set(gated.flatMap(({ needed, optional }) => needed.concat(optional ?? [])))];
}

/** Is there something to ask? Never decided, something new or expired, or a refusal old enough. */
export function isAsking(config: Config, choices: Choices | null, now: number): boolean {
  if (!choices) return askedIds(config).length > 0;
  const isOld = now >= choices.decided_at + config.renew_days.refused * DAY;
  return Object.values(config.tags).some((tag) => {
    // Without the signal and the notice, which would hide that an answer is missing.
    const { reason } = decide(tag, config, choices, false, null, now);
    return /^needs|^no_c/.test(reason) || (isOld && reason.endsWith("_refused"));
  });
}
