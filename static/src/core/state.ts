// What this device decided: the cookie's text ⇄ Choices, two copies merged, a decision applied.

import { decide, neededIds, own } from "./decide.ts";
import type {
  Answers,
  ChoiceId,
  Choices,
  Config,
  Decision,
  Maps,
  Method,
  Signals,
} from "./types.ts";

const KINDS: [keyof Maps, string][] = [
  ["purposes", "purpose:"],
  ["data_items", "item:"],
  ["partners", "partner:"],
];

function toHex(ids: ChoiceId[], numbers: Record<ChoiceId, number>): string {
  const nibbles: number[] = [];
  for (const id of ids) {
    const number = own(numbers, id);
    if (number === undefined) continue;
    while (nibbles.length <= number >> 2) nibbles.push(0);
    nibbles[number >> 2]! |= 8 >> (number & 3);
  }
  return nibbles.map((nibble) => nibble.toString(16)).join("");
}

function fromHex(hex: string, numbers: Record<ChoiceId, number>): ChoiceId[] {
  // Bit 0 is the most significant bit of the first nibble; past the end reads as 0 (NaN & n).
  return Object.keys(numbers).filter(
    (id) => parseInt(hex.charAt(numbers[id]! >> 2), 16) & (8 >> (numbers[id]! & 3)),
  );
}

/** `1.<notice>.<decided_at>.<flags>.<seq>.<granted hex>.<refused hex>` */
export function encode(choices: Choices, numbers: Record<ChoiceId, number>): string {
  return [
    1,
    choices.notice,
    choices.decided_at,
    +choices.with_signal,
    choices.seq,
    toHex(choices.granted, numbers),
    toHex(choices.refused, numbers),
  ].join(".");
}

/** The reverse of `encode`; null when the text is anything else. */
export function decode(text: string | null, numbers: Record<ChoiceId, number>): Choices | null {
  const part = /^1\.(\d{1,9})\.(\d{1,11})\.(\d)\.(\d{1,15})\.([\da-f]*)\.([\da-f]*)$/.exec(
    text ?? "",
  );
  if (!part) return null;
  const refused = fromHex(part[6]!, numbers);
  return {
    granted: fromHex(part[5]!, numbers).filter((id) => !refused.includes(id)),
    refused,
    decided_at: +part[2]!,
    notice: +part[1]!,
    with_signal: (+part[3]! & 1) > 0,
    seq: +part[4]!,
  };
}

/** The newer by seq; on the same seq whatever both grant, and whatever either refuses. */
export function merge(a: Choices | null, b: Choices | null): Choices | null {
  if (!a || !b) return a ?? b;
  if (a.seq !== b.seq) return a.seq > b.seq ? a : b;
  const refused = [...new Set([...a.refused, ...b.refused])];
  return {
    granted: a.granted.filter((id) => b.granted.includes(id) && !refused.includes(id)),
    refused,
    decided_at: Math.min(a.decided_at, b.decided_at),
    notice: Math.min(a.notice, b.notice),
    with_signal: a.with_signal && b.with_signal,
    seq: a.seq,
  };
}

/** Ids that a visitor can answer: what the tags that are not exempt need, or would like. */
export function askedIds(config: Config): ChoiceId[] {
  const ids = new Set<ChoiceId>();
  for (const tag of Object.values(config.tags)) {
    if (tag.exempt) continue;
    for (const id of neededIds(tag)) ids.add(id);
    for (const code of tag.optional_items) ids.add("item:" + code);
  }
  return [...ids];
}

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

/** One answer for everything that this notice asks. */
export function answerAll(config: Config, granted: boolean): Map<ChoiceId, boolean> {
  return new Map(askedIds(config).map((id) => [id, granted]));
}

/**
 * May an earlier grant be carried into a new decision that does not mention it? The new decision
 * has a new date, notice and signal flag; none of them may freshen an answer that was not given.
 */
function carries(
  config: Config,
  earlier: Choices,
  id: ChoiceId,
  signals: Signals,
  now: number,
): boolean {
  const { renew_days, signal } = config.regime;
  const nature = id.startsWith("purpose:") ? own(config.natures, id.slice(8)) : "";
  return (
    now < earlier.decided_at + renew_days.granted * 86400 &&
    (own(config.material_since, id) ?? Infinity) <= earlier.notice &&
    (!signals.gpc ||
      earlier.with_signal ||
      signal.grant_outlives ||
      !signal.natures.includes(nature ?? ""))
  );
}

/** The choices after a decision. Ids that it leaves out keep their earlier answer. */
export function applyDecision(
  config: Config,
  earlier: Choices | null,
  method: Method,
  answers: Map<ChoiceId, boolean>,
  signals: Signals,
  now: number,
): Choices {
  const all = new Map<ChoiceId, boolean>();
  if (earlier) {
    for (const id of earlier.refused) all.set(id, false);
    for (const id of earlier.granted) {
      if (method === "refuse") all.set(id, false);
      else if (carries(config, earlier, id, signals, now)) all.set(id, true);
    }
  }
  for (const [id, granted] of answers) all.set(id, granted);
  const having = (granted: boolean) => [...all.keys()].filter((id) => all.get(id) === granted);
  return {
    granted: having(true),
    refused: having(false),
    decided_at: Math.floor(now),
    notice: config.notice.number,
    with_signal: signals.gpc,
    // Counts up from the clock: a browser that lost its cookies must not fall behind its own past.
    seq: Math.max((earlier?.seq ?? 0) + 1, Math.floor(now * 1000)),
  };
}

/** The gate's answer for one tag of this page's configuration. */
export function decideTag(
  config: Config,
  code: string,
  choices: Choices | null,
  signals: Signals,
  shown: number | null,
  now: number,
): Decision {
  const notice = { ...config, number: config.notice.number };
  return decide(code, notice, config.regime, choices, signals, shown, config.overdue, now);
}

/** Is there something to ask? Never decided, something new or expired, or a refusal old enough. */
export function shouldAsk(config: Config, choices: Choices | null, now: number): boolean {
  if (!choices) return askedIds(config).length > 0;
  const old = now >= choices.decided_at + config.regime.renew_days.refused * 86400;
  return Object.keys(config.tags).some((code) => {
    // Without the signal and the notice, which would hide that an answer is missing.
    const { reason } = decideTag(config, code, choices, { gpc: false }, null, now);
    return /^needs_renewal$|^no_choice$/.test(reason) || (old && reason.endsWith("_refused"));
  });
}
