// The gate's reasons in words, for the developer of a site. tracking/gate/types.py names them all.

import { codeOf } from "./decide.ts";
import type { ChoiceId, Choices, Config, Decision, SiteTag } from "./types.ts";

/** Of a device, what its decisions were made from. */
export interface Facts {
  readonly config: Config;
  readonly choices: Choices | null;
  readonly isDoubtful: boolean;
  readonly shown: number | null;
}

const KINDS: Record<string, string> = {
  partner: "the partner",
  purpose: "the purpose",
  item: "the data item",
};
const named = (ids: ChoiceId[]) =>
  ids.map((id) => `${KINDS[id.split(":")[0]!]} ${codeOf(id)}`).join(", ");

const refused = ({ needed }: SiteTag, { choices }: Facts) =>
  "the visitor refused " + named(needed.filter((id) => choices?.refused.includes(id)));

export const WORDS: Record<string, (tag: SiteTag, facts: Facts, allowed: boolean) => string> = {
  unknown_tag: () => "no tag of this code is published for this site",
  exempt: () => "strictly necessary: it needs no choice",
  partner_overdue: () => "its partner owes the confirmation of a withdrawal: shut for everybody",
  not_yet_effective: ({ from }) =>
    from
      ? `its notice takes effect on ${new Date(from * 1000).toISOString().slice(0, 10)}`
      : "its notice has no date from which it takes effect",
  partner_refused: refused,
  purpose_refused: refused,
  data_item_refused: refused,
  browser_signal: () => "the browser sends its privacy signal (GPC), and no choice outlives it",
  needs_renewal: ({ since }, { choices, config }, allowed) =>
    (choices && since > choices.notice
      ? `what it needs changed in notice ${since}; the visitor answered notice ${choices.notice}`
      : `the visitor's answer is older than ${config.renew_days.granted} days`) +
    (allowed ? "; until the next answer it is enough that the notice was shown" : ""),
  no_choice: ({ needed }, { choices, isDoubtful }) =>
    isDoubtful
      ? "what this device stored cannot be trusted, so nothing counts as answered"
      : choices
        ? "not answered yet: " +
          named(needed.filter((id) => ![...choices.granted, ...choices.refused].includes(id)))
        : "the visitor has not answered yet",
  notice_given: (_, { shown }) => `notice ${shown} was shown, and for this tag that is enough`,
  granted: () => "the visitor granted all that it needs",
  doubt: () => "something did not answer, or a cookie came twice",
};

/** Why a tag of the configuration, or one that is unknown to it, may run or not. */
export function inWords(tag: SiteTag | undefined, decision: Decision, facts: Facts): string {
  const { reason, allowed } = decision;
  return Object.hasOwn(WORDS, reason) ? WORDS[reason]!(tag!, facts, allowed) : reason;
}
