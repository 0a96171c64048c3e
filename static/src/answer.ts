// Some choices are answered; the others stay as they were.

import { applyDecision, toMaps } from "./core/apply.ts";
import { merge } from "./core/merge.ts";
import type { ChoiceId, Method, Surface } from "./core/types.ts";
import type { Outcome } from "./decision.ts";
import { now } from "./device.ts";
import { loadCookies } from "./io/storage.ts";
import type { Host } from "./loader.ts";

export function answer(
  { device, take }: Host,
  method: Method,
  answers: Map<ChoiceId, boolean>,
  surface: Surface,
): Promise<Outcome> {
  const { config, gpc } = device;
  // Another tab may have stored something meanwhile.
  const earlier = merge(device.choices, loadCookies(config)[0] ?? null);
  // An unrecorded refusal is said again: sent after this decision it counts as history.
  if (earlier?.is_unsent) {
    for (const id of earlier.refused) if (config.ids[id] && !answers.has(id)) answers.set(id, false);
  }
  return take(
    applyDecision(config, earlier, method, answers, gpc, now()),
    method,
    surface,
    method === "refuse" ? undefined : toMaps(answers),
  );
}
