// `window.consentManager`: what a page's own scripts may ask and do. See docs/page-api.md.

import type { Device, Outcome } from "./device.ts";
import type { Events } from "./core/events.ts";
import { fromMaps } from "./core/state.ts";
import type { ChoiceId, Choices, Decision, Maps } from "./core/types.ts";
import { on } from "./effects/announce.ts";
import { isMeant } from "./io/gesture.ts";

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
}

export function pageApi(
  device: Device,
  ready: Promise<void>,
  show: () => Promise<void>,
  decided: (outcome: Outcome) => void,
): ConsentManager {
  return Object.freeze({
    get: () => ({
      choices: structuredClone(device.choices),
      decisions: device.decisions(),
      notice: device.config.notice.number,
      gpc: device.gpc,
    }),
    on,
    ready: () => ready,
    show,
    why: (tag: string) => device.decide(tag),
    async set(maps: Partial<Maps>) {
      const answers = fromMaps(device.config, maps);
      const ignored: ChoiceId[] = [];
      for (const [id, granted] of isMeant() ? [] : answers) if (granted) ignored.push(id);
      for (const id of ignored) answers.delete(id);
      if (answers.size) {
        const grants = [...answers.values()].includes(true);
        decided(await device.record(grants ? "choose" : "withdraw", answers, "api"));
      }
      return { recorded: answers.size > 0, ignored };
    },
  });
}
