// Writes what the page keeps; nothing here throws.

import { encode } from "../core/state.ts";
import type { Choices, Config } from "../core/types.ts";
import { attempt, CHOICES, readCookies, writeCookie } from "./storage.ts";

export const writeLocal = (key: string, value: string) =>
  attempt(() => {
    localStorage.setItem(key, value);
    return localStorage.getItem(key) === value;
  });

/** True when at least one copy can be read back. */
export function saveChoices(config: Config, choices: Choices): boolean | null {
  const text = encode(choices, config.ids);
  writeCookie(CHOICES, text);
  const inCookie = attempt(() => readCookies(CHOICES).join() === text);
  return writeLocal(CHOICES, text) || inCookie;
}
