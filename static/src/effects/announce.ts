// Tells the page: events on `document` (`cm:ready`, `cm:change`, `cm:tag`, `cm:error`), and one
// dataLayer entry per decision for tag managers.

import type { Events } from "../core/events.ts";
import type { Choices } from "../core/types.ts";

export function announce<K extends keyof Events>(name: K, detail: Events[K]): void {
  document.dispatchEvent(new CustomEvent("cm:" + name, { detail }));
}

/** Listen; the answer stops listening. */
export function on<K extends keyof Events>(
  name: K,
  listener: (detail: Events[K]) => void,
): () => void {
  const hear = (event: Event) => listener((event as CustomEvent<Events[K]>).detail);
  document.addEventListener("cm:" + name, hear);
  return () => document.removeEventListener("cm:" + name, hear);
}

export function pushToDataLayer(choices: Choices | null): void {
  const page = window as { dataLayer?: unknown };
  const layer = (page.dataLayer ??= []);
  // A form field of that name would be found there as well.
  if (Array.isArray(layer)) {
    layer.push({
      event: "cm_consent",
      cm_granted: choices?.granted ?? [],
      cm_refused: choices?.refused ?? [],
    });
  }
}
