// What this device decided, as far as this page knows, and what follows for its tags. It only reads:
// decision.ts makes sure of it and changes it.

import { decide, own } from "./core/decide.ts";
import type { Choices, Config, Decision } from "./core/types.ts";
import { loadCookies } from "./io/storage.ts";
import type { Signals } from "./signals.ts";

export const now = () => Date.now() / 1000;

export interface Device {
  readonly config: Config;
  readonly gpc: boolean;
  choices: Choices | null;
  /** The stored choices could not be read, or came twice. */
  readonly isDoubtful: boolean;
  readonly shown: number | null;
  /** It is sure that no stored refusal was missed. */
  isOpen?: boolean;
  /** Tags whose embed the visitor opened for this page view. */
  once: Set<string>;
  /** Only on sites that declare vendors with a consent call of their own. */
  signals?: Signals;
  decide(code: string): Decision;
  decisions(): Record<string, Decision>;
}

/** What is stored is looked at when it is asked for the first time. */
export function createDevice(config: Config): Device {
  let stored: ReturnType<typeof loadCookies> | undefined;
  const look = () => (stored ??= loadCookies(config));
  const device: Device = {
    config,
    gpc: (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true,
    get choices() {
      return look()[0] ?? null;
    },
    set choices(choices) {
      look()[0] = choices;
    },
    get shown() {
      return look()[1];
    },
    get isDoubtful() {
      return look()[0] === undefined;
    },
    once: new Set(),
    decide: (code) =>
      decide(own(config.tags, code), config, device.choices, device.gpc, device.shown, now()),
    decisions: () =>
      Object.fromEntries(Object.keys(config.tags).map((code) => [code, device.decide(code)])),
  };
  return device;
}
