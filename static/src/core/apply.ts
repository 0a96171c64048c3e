// A decision about some things, applied to what was decided before.

import { own } from "./decide.ts";
import { askedIds, DAY, nextSeq } from "./state.ts";
import type { Answers, ChoiceId, Choices, Config, Maps, Method } from "./types.ts";

const KINDS: [keyof Maps, string][] = [
  ["purposes", "purpose:"],
  ["data_items", "item:"],
  ["partners", "partner:"],
];

export function toMaps(answers: Map<ChoiceId, boolean>): Maps {
  const maps: Maps = { purposes: {}, data_items: {}, partners: {} };
  for (const [id, granted] of answers) {
    for (const [kind, prefix] of KINDS) {
      if (id.startsWith(prefix)) maps[kind][id.slice(prefix.length)] = granted;
    }
  }
  return maps;
}

/** What this notice does not ask cannot be answered. */
export function fromMaps(config: Config, maps: Partial<Maps>): Map<ChoiceId, boolean> {
  const asked = askedIds(config);
  const answers = new Map<ChoiceId, boolean>();
  for (const [kind, prefix] of KINDS) {
    const given: Answers = maps[kind] ?? {};
    for (const code of Object.keys(given)) {
      if (asked.includes(prefix + code)) answers.set(prefix + code, given[code] === true);
    }
  }
  return answers;
}

/** Does an earlier grant stand, whatever signal the browser sends now? */
export const isStanding = (config: Config, { with_signal }: Choices, id: ChoiceId, gpc: boolean) =>
  !gpc || with_signal || config.outlives || !config.signalled.includes(id);

/** The choices after a decision. Ids that it leaves out keep their earlier answer. */
export function applyDecision(
  config: Config,
  earlier: Choices | null,
  method: Method,
  answers: Map<ChoiceId, boolean>,
  gpc: boolean,
  now: number,
): Choices {
  // A new decision has a new date, notice and signal flag; none of them may freshen a grant that it
  // does not mention. Such a grant is carried along only where it stands without them.
  const isCarried = (id: ChoiceId) =>
    now < earlier!.decided_at + config.renew_days.granted * DAY &&
    (own(config.ids, id)?.[1] ?? Infinity) <= earlier!.notice &&
    isStanding(config, earlier!, id, gpc);
  const all = new Map<ChoiceId, boolean>();
  for (const id of earlier?.refused ?? []) all.set(id, false);
  for (const id of earlier?.granted ?? []) {
    if (method === "refuse") all.set(id, false);
    else if (isCarried(id)) all.set(id, true);
  }
  for (const [id, granted] of answers) all.set(id, granted);
  const having = (granted: boolean) => [...all.keys()].filter((id) => all.get(id) === granted);
  return {
    granted: having(true),
    refused: having(false),
    decided_at: Math.floor(now),
    notice: config.notice,
    with_signal: gpc,
    seq: nextSeq(earlier, now),
    is_unsent: true,
  };
}
