// May this tag fire for this device now? The twin of tracking/gate/rules.py: both run the
// cases of tests/vectors/decide.json. Values in, a value out; the first rule that matches wins.

import type { Answered, Decision, PageTag, Terms } from "./types.ts";

const DAY = 86400;

/** A plain lookup would find "constructor" on every object. */
export function own<T>(table: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** The code in a choice id. */
export const codeOf = (id: string) => id.slice(id.indexOf(":") + 1);

export function decide(
  tag: PageTag | undefined,
  terms: Terms,
  choices: Answered | null,
  gpc: boolean,
  shownNotice: number | null,
  now: number,
): Decision {
  const answer = (reason: string, withheld?: string[]): Decision => ({
    allowed: !!withheld,
    reason,
    withheld: withheld?.map(codeOf) ?? [],
  });

  if (!tag) return answer("unknown_tag");
  if (tag.exempt) return answer("exempt", []);
  if (tag.shut) return answer(tag.shut);
  if (tag.from! > now) return answer("not_yet_effective");

  const { needed, optional = [], since } = tag;
  const granted = (id: string) => !!choices?.granted.includes(id);
  const refused = (id: string) => !!choices?.refused.includes(id);
  const no = needed.find(refused);
  if (no) return answer(no.split(":")[0]!.replace("item", "data_item") + "_refused");

  const allGranted = needed.every(granted);
  if (tag.signal && gpc && !(allGranted && (choices!.with_signal || terms.outlives))) {
    return answer("browser_signal");
  }
  const stale =
    !!choices &&
    (now >= choices.decided_at + terms.renew_days.granted * DAY || since > choices.notice);
  if (!stale && allGranted) {
    return answer(
      "granted",
      optional.filter((id) => !granted(id)),
    );
  }
  // `null` would compare as 0.
  const wasShown = tag.notice && shownNotice !== null && shownNotice >= since;
  return answer(
    stale ? "needs_renewal" : wasShown ? "notice_given" : "no_choice",
    wasShown ? optional.filter(refused) : undefined,
  );
}
