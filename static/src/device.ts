// What this device decided, as far as this page knows, and what follows for its tags. It only reads:
// start.ts makes sure of it, decision.ts changes it.

import { decide, own } from "./core/decide.ts";
import { isAsking } from "./core/state.ts";
import type { Choices, Config, Decision } from "./core/types.ts";
import { loadChoices, loadShown } from "./io/storage.ts";
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
  /** Only on sites that declare vendors with a consent call of their own. */
  signals?: Signals;
  decide(code: string): Decision;
  decisions(): Record<string, Decision>;
  isAsking(): boolean;
}

export function createDevice(config: Config): Device {
  const stored = loadChoices(config);
  const device: Device = {
    config,
    gpc: (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true,
    choices: stored ?? null,
    isDoubtful: stored === undefined,
    shown: loadShown(),
    once: new Set(),
    decide: (code) =>
      decide(
        own(config.tags, code),
        config,
        device.choices,
        device.gpc,
        // What cannot be read counts as never asked and never shown.
        device.isDoubtful ? null : device.shown,
        now(),
      ),
    decisions: () =>
      Object.fromEntries(Object.keys(config.tags).map((code) => [code, device.decide(code)])),
    isAsking: () => isAsking(config, device.choices, now()),
  };
  return device;
}
