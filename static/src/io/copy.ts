// The second copy of the choices, in localStorage, which takes the browser longer to find.

import { decode } from "../core/state.ts";
import type { Choices, Config } from "../core/types.ts";
import { attempt, CHOICES } from "./storage.ts";

export const readLocal = (key: string) => attempt(() => localStorage.getItem(key));

/** Undefined where it is blocked. */
export function loadCopy({ ids }: Config): Choices | null | undefined {
  try {
    return decode(localStorage.getItem(CHOICES), ids);
  } catch {
    return undefined;
  }
}

/** Another tab of this browser may have stored choices. */
export function onOtherTab(listener: () => void): void {
  // A page that comes back from the cache has missed what was said meanwhile.
  addEventListener("pageshow", (event) => event.persisted && listener());
  addEventListener("storage", (event) => event.key === CHOICES && event.newValue && listener());
}
