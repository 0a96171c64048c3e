// The second copy of the choices, in localStorage, which takes the browser longer to find.

import { merge } from "../core/merge.ts";
import { decode } from "../core/state.ts";
import type { Choices, Config } from "../core/types.ts";
import { attempt, CHOICES, loadChoices } from "./storage.ts";

export const readLocal = (key: string) => attempt(() => localStorage.getItem(key));

/** The cookie and the copy, or undefined where there is a reason not to believe either of them. */
export function loadStored(config: Config): Choices | null | undefined {
  const cookie = loadChoices(config);
  try {
    const copy = decode(localStorage.getItem(CHOICES), config.ids);
    return cookie === undefined ? cookie : merge(cookie, copy);
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
