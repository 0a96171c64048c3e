// May this tag fire for this device now? The twin of tracking/gate/rules.py: both run the
// cases of tests/vectors/decide.json. Values in, a value out; the first rule that matches wins.

import type { Answered, Decision, Notice, NoticeTag, Regime, Signals } from "./types.ts";

const DAY = 86400;

/** A plain lookup would find "constructor" on every object. */
export function own<T>(table: Record<string, T>, key: string): T | undefined {
  return Object.prototype.hasOwnProperty.call(table, key) ? table[key] : undefined;
}

/** Ids of the choices that must all be granted for a tag. */
export function neededIds(tag: NoticeTag): string[] {
  return [
    "partner:" + tag.partner,
    ...tag.purposes.map((code) => "purpose:" + code),
    ...tag.required_items.map((code) => "item:" + code),
  ];
}

export function decide(
  tagCode: string,
  notice: Notice,
  regime: Regime,
  choices: Answered | null,
  signals: Signals,
  shownNotice: number | null,
  overdue: string[],
  now: number,
): Decision {
  const deny = (reason: string): Decision => ({ allowed: false, reason, withheld: [] });

  const tag = own(notice.tags, tagCode);
  const partner = tag && own(notice.partners, tag.partner);
  const natures = tag ? tag.purposes.map((code) => own(notice.natures, code)) : [];
  if (!tag || !partner || natures.includes(undefined)) return deny("unknown_tag");
  if (tag.exempt) return { allowed: true, reason: "exempt", withheld: [] };
  if (overdue.includes(tag.partner)) return deny("partner_overdue");
  if (
    partner.role === "joint_user" &&
    (partner.effective_at === null || partner.effective_at > now)
  ) {
    return deny("not_yet_effective");
  }

  const granted = new Set(choices?.granted);
  const refused = new Set(choices?.refused);
  if (refused.has("partner:" + tag.partner)) return deny("partner_refused");
  if (tag.purposes.some((code) => refused.has("purpose:" + code))) return deny("purpose_refused");
  if (tag.required_items.some((code) => refused.has("item:" + code))) {
    return deny("data_item_refused");
  }

  const needed = neededIds(tag);
  const allGranted = needed.every((id) => granted.has(id));
  if (
    signals.gpc &&
    natures.some((nature) => regime.signal.natures.includes(nature!)) &&
    !(allGranted && (choices!.with_signal || regime.signal.grant_outlives))
  ) {
    return deny("browser_signal");
  }

  // An id without a version is a doubt: nothing counts as shown or answered for it.
  const material = Math.max(...needed.map((id) => own(notice.material_since, id) ?? Infinity));
  const stale =
    !!choices &&
    (now >= choices.decided_at + regime.renew_days.granted * DAY || material > choices.notice);
  if (!stale && allGranted) {
    const withheld = tag.optional_items.filter((code) => !granted.has("item:" + code));
    return { allowed: true, reason: "granted", withheld };
  }
  const enough = own(regime.notice_natures, tag.transport) ?? [];
  if (
    natures.every((nature) => enough.includes(nature!)) &&
    regime.notice_roles.includes(partner.role) &&
    shownNotice !== null &&
    shownNotice >= material
  ) {
    const withheld = tag.optional_items.filter((code) => refused.has("item:" + code));
    return { allowed: true, reason: stale ? "needs_renewal" : "notice_given", withheld };
  }
  return deny(stale ? "needs_renewal" : "no_choice");
}
