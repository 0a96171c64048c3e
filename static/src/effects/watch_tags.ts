// What else there is to a tag that opens or closes: the stand-in for its embed, the page's event, and
// tags that come later.

import type { Decision } from "../core/types.ts";
import type { Device } from "../device.ts";
import { announce } from "./announce.ts";
import type { Slot, Tags } from "./tags.ts";

/** Say in a room that is kept who would receive something. */
export type Placeholder = (
  place: HTMLElement,
  code: string,
  decision: Decision,
  openOnce: () => void,
) => void;

export interface WatchedTags {
  /** Bring every tag in line with the gate. Answers the closed tags whose scripts had run. */
  update(isDecision?: boolean): string[];
}

export function watchTags(device: Device, tags: Tags, placeholder: Placeholder): WatchedTags {
  /** Those that were followed once. */
  const known = new Set<Slot>();
  const filled = new Set<HTMLElement>();
  const reported: Record<string, string> = {};

  function follow(slot: Slot): void {
    known.add(slot);
    tags.settle(slot);
    const { code, place } = slot;
    const decision = device.decide(code);
    if (place && !filled.has(place)) {
      filled.add(place);
      placeholder(place, code, decision, () => {
        slot.once = true;
        follow(slot);
      });
    }
    if (device.isOpen && reported[code] !== decision.reason) {
      reported[code] = decision.reason;
      announce("tag", { tag: code, ...decision });
    }
  }

  function update(isDecision?: boolean): string[] {
    for (const slot of tags.slots()) {
      if (isDecision) slot.once = false;
      follow(slot);
    }
    return [...tags.ran].filter((code) => !device.decide(code).allowed);
  }

  update();
  new MutationObserver((records) => {
    // Each once, however much came into it.
    for (const target of new Set(records.map((record) => record.target as Element))) {
      tags.scan(target);
    }
    // The loader may have looked first.
    for (const slot of tags.slots()) if (!known.has(slot)) follow(slot);
  }).observe(document, { childList: true, subtree: true });

  return { update };
}
