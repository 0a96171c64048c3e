// `window.consentManager`: what a page's own scripts may ask and do. See docs/page-api.md.

import type { Device } from "./device.ts";
import type { Events } from "./core/events.ts";
import type { ChoiceId, Choices, Decision, Identifiers, Maps } from "./core/types.ts";
import { on } from "./effects/announce.ts";

export interface ConsentManager {
  get(): {
    choices: Choices | null;
    decisions: Record<string, Decision>;
    notice: number;
    gpc: boolean;
  };
  on<K extends keyof Events>(name: K, listener: (detail: Events[K]) => void): () => void;
  ready(): Promise<void>;
  show(): Promise<void>;
  why(tag: string): Decision;
  set(maps: Partial<Maps>): Promise<{ recorded: boolean; ignored: ChoiceId[] }>;
  identify(identifiers: Identifiers): Promise<{ kept: string[] }>;
}

export function pageApi(
  device: Device,
  ready: ConsentManager["ready"],
  show: ConsentManager["show"],
  set: ConsentManager["set"],
  identify: ConsentManager["identify"],
): ConsentManager {
  return Object.freeze({
    get: () => ({
      choices: structuredClone(device.choices),
      decisions: device.decisions(),
      notice: device.config.notice,
      gpc: device.gpc,
    }),
    on,
    ready,
    show,
    why: device.decide,
    set,
    identify,
  });
}
