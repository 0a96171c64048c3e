// One dataLayer entry per decision, and on each later page, for tag managers.

import type { Choices } from "../core/types.ts";

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
