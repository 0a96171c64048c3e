// Tells the page: events on `document` (`cm:ready`, `cm:change`, `cm:tag`, `cm:error`).

import type { Events } from "../core/events.ts";

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
