// Stores the choices where the next page finds them at once.

import { attempt, CHOICES, readCookies, writeCookie } from "./storage.ts";

/** True when it can be read back. */
export function saveChoices(text: string): boolean | null {
  writeCookie(CHOICES, text);
  return attempt(() => readCookies(CHOICES).join() === text);
}
