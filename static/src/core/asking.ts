// Is there something to ask a visitor, and about what?

import { decide } from "./decide.ts";
import { askedIds, DAY } from "./state.ts";
import type { ChoiceId, Choices, Config } from "./types.ts";

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

/**
 * The ids to ask about now: only what is new or changed since the visitor chose, or everything where
 * nothing was decided or the decision is so old that it is asked again.
 */
export function idsToAsk(config: Config, choices: Choices | null, now: number): ChoiceId[] {
  if (!choices) return askedIds(config);
  const age = (now - choices.decided_at) / DAY;
  let isOld = false;
  const waiting = Object.values(config.tags).filter((tag) => {
    const { reason } = decide(tag, config, choices, false, null, now);
    const isRefused = reason.endsWith("_refused");
    const isWaiting = /^needs_renewal$|^no_choice$/.test(reason);
    if (isRefused ? age >= config.renew_days.refused : isWaiting && age >= config.renew_days.granted)
      isOld = true;
    return isWaiting;
  });
  if (isOld) return askedIds(config);
  const isNew = (id: ChoiceId) =>
    config.ids[id]![1] > choices.notice ||
    !(choices.granted.includes(id) || choices.refused.includes(id));
  return [...new Set(waiting.flatMap((tag) => tag.needed.filter(isNew)))];
}
