// The switches of the preferences before they are saved, and what follows from each of them.

import { isStanding } from "./apply.ts";
import { askedIds } from "./state.ts";
import type { ChoiceId, Choices, Config, SiteTag } from "./types.ts";

/** What this device decided, as a Device says it. */
export interface Decided {
  readonly config: Config;
  choices: Choices | null;
  readonly gpc: boolean;
}

export interface Draft {
  isOn(id: ChoiceId): boolean;
  isAsked(id: ChoiceId): boolean;
  /** Flip one switch. A purpose or partner that goes on brings with it what its tags need. */
  set(id: ChoiceId, on: boolean): void;
  /** Codes of tags that are off because of this switch, each with the ids that it misses. */
  consequences(id: ChoiceId): { code: string; missing: ChoiceId[] }[];
  answers(): Map<ChoiceId, boolean>;
}

/** All ids that a tag speaks of. */
export const idsOf = (tag: SiteTag) => [...tag.needed, ...(tag.optional ?? [])];

/** What the browser's signal (`gpc`) keeps shut is off. */
export function createDraft({ config, choices, gpc }: Decided): Draft {
  const asked = askedIds(config);
  const on = new Set(
    choices?.granted.filter((id) => asked.includes(id) && isStanding(config, choices, id, gpc)),
  );
  const gated = Object.entries(config.tags).filter(([, tag]) => !tag.exempt);
  const tags = gated.map(([, tag]) => tag);
  const missing = (tag: SiteTag) => tag.needed.filter((id) => !on.has(id));
  const purposesOn = (tag: SiteTag) =>
    tag.needed.every((id) => !id.startsWith("purpose:") || on.has(id));

  // Switched off on purpose: refused while something that uses it was granted, or here, by hand.
  // Such a switch stays where the visitor put it; one that a "refuse all" left off may follow.
  const held = new Set(
    choices?.refused.filter((id) => tags.some((tag) => idsOf(tag).includes(id) && purposesOn(tag))),
  );

  return {
    isOn: (id) => on.has(id),
    isAsked: (id) => asked.includes(id),
    set(id, isOn) {
      if (!isOn) {
        on.delete(id);
        held.add(id);
        return;
      }
      on.add(id);
      held.delete(id);
      const followers: ChoiceId[] = [];
      for (const tag of id.startsWith("item:") ? [] : tags) {
        // A partner that was switched off by hand drags nothing along.
        if (!tag.needed.includes(id) || !purposesOn(tag) || held.has(tag.needed[0]!)) continue;
        for (const other of missing(tag)) if (!held.has(other)) followers.push(other);
      }
      for (const follower of followers) on.add(follower);
    },
    consequences(id) {
      return gated.flatMap(([code, tag]) => {
        const { needed } = tag;
        const lacks = missing(tag);
        const stops = on.has(id)
          ? lacks[0] &&
            !id.startsWith("item:") &&
            needed.includes(id) &&
            !lacks.includes(needed[0]!)
          : lacks.join() === id && id !== needed[0];
        return stops ? { code, missing: lacks } : [];
      });
    },
    answers: () => new Map(asked.map((id) => [id, on.has(id)])),
  };
}
