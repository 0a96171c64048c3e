// What this device decided, as far as this page knows, and what follows for its tags. It only reads:
// decision.ts changes it.

import { announce } from "./effects/announce.ts";
import type { Tags } from "./effects/tags.ts";
import { decide, own } from "./core/decide.ts";
import { isAsking, merge } from "./core/state.ts";
import type { Choices, Config, Decision } from "./core/types.ts";
import { readOutbox } from "./io/pending.ts";
import { loadChoices, loadShown, onOtherTab } from "./io/storage.ts";
import type { Signals } from "./signals.ts";

export const now = () => Date.now() / 1000;

export interface Device {
  readonly config: Config;
  readonly gpc: boolean;
  choices: Choices | null;
  /** The stored choices could not be read, or came twice. */
  isDoubtful: boolean;
  readonly shown: number | null;
  /** It is sure that no stored refusal was missed. */
  isOpen?: boolean;
  /** Tags whose embed the visitor opened for this page view. */
  once: Set<string>;
  tags: Tags;
  /** Only on sites that declare vendors with a consent call of their own. */
  signals?: Signals;
  decide(code: string): Decision;
  decisions(): Record<string, Decision>;
  isAsking(): boolean;
}

export function createDevice(config: Config): Device {
  const stored = loadChoices(config);
  const isDoubtful = stored === undefined;
  const device: Device = {
    config,
    gpc: (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true,
    choices: stored ?? null,
    isDoubtful,
    // What cannot be read counts as never asked and never shown.
    shown: isDoubtful ? null : loadShown(),
    once: new Set(),
    tags: undefined!,
    decide: (code) =>
      decide(own(config.tags, code), config, device.choices, device.gpc, device.shown, now()),
    decisions: () =>
      Object.fromEntries(Object.keys(config.tags).map((code) => [code, device.decide(code)])),
    isAsking: () => isAsking(config, device.choices, now()),
  };
  return device;
}

/**
 * Open the tags, once it is sure that no stored refusal was missed: after a crash the cookie may be
 * older than the outbox. `tell`: the vendors, before their tags open; `changed`: something waits there, or another tab has decided.
 */
export async function startDevice(
  device: Device,
  database: Promise<IDBDatabase>,
  tell: () => void,
  changed: () => void,
): Promise<void> {
  /** Take over what is newer than what this page knows. */
  const catchUp = (other: Choices | null | undefined) => {
    device.choices = merge(device.choices, other ?? null);
  };
  const entries = await readOutbox(database);
  const before = device.choices?.seq;
  catchUp(entries[0]?.choices);
  if (
    device.choices?.seq !== before ||
    // What was refused may have left something in this browser.
    device.choices?.refused[0] ||
    entries.some((entry) => !entry.is_sent)
  ) {
    changed();
  }
  device.isOpen = true;
  tell();
  device.tags.open();
  announce("ready", { choices: device.choices, decisions: device.decisions() });
  onOtherTab(() => {
    catchUp(loadChoices(device.config));
    device.tags.update();
    changed();
  });
}
