// Why a visitor who decided before is asked again.

import type { ChoiceId, Choices, Config, Wording } from "./types.ts";
import { fill } from "./text.ts";

/** The sentences to say: the answer is old, or what is new, and who receives more than before. */
export function changes(
  config: Config,
  choices: Choices,
  ids: ChoiceId[],
  wording: Wording,
  name: (ids: ChoiceId[]) => string,
): string[] {
  const answered = [...choices.granted, ...choices.refused];
  const isNew = (id: ChoiceId) => !answered.includes(id);
  const hasChanged = (id: ChoiceId) => config.ids[id]![1] > choices.notice && !isNew(id);
  const [fresh, changed] = [ids.filter(isNew), ids.filter(hasChanged)];
  if (!fresh.length && !changed.length) return [wording.expired_lead ?? ""];
  return [
    wording.changed_lead ?? "",
    fresh.length ? fill(wording.changed_new, { names: name(fresh) }) : "",
    changed.length ? fill(wording.changed_more, { names: name(changed) }) : "",
  ].filter(Boolean);
}
