// The readable cookies. Every getter here can throw (blocked storage, sandboxed frames); what cannot
// be read is a doubt, and a doubt closes the gate. io/copy.ts has the second copy, io/save.ts writes.

import { decode } from "../core/state.ts";
import type { Choices, Config } from "../core/types.ts";

export const CHOICES = "cm_choices";
const SHOWN = "cm_shown";

/** `null` where that throws. */
export function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

/** All values of a cookie: a second one of the same name was not set by us. */
export const readCookies = (name: string): string[] =>
  document.cookie
    .split(/; */)
    .filter((pair) => pair.startsWith(name + "="))
    .map((pair) => pair.slice(name.length + 1));

export const writeCookie = (name: string, value: string | number) =>
  attempt(() => {
    const secure = location.protocol === "https:" ? ";Secure" : "";
    document.cookie = `${name}=${value};Path=/;SameSite=Lax;Max-Age=34560000${secure}`;
  });

/** The choices in the cookie, or undefined where there is a reason not to believe them. */
export function loadChoices({ ids }: Config): Choices | null | undefined {
  try {
    const [first, second] = readCookies(CHOICES);
    return second === undefined ? decode(first, ids) : undefined;
  } catch {
    return undefined;
  }
}

export const loadShown = () =>
  attempt(() => {
    const [value, second] = readCookies(SHOWN);
    return value && !second && /^\d{1,9}$/.test(value) ? +value : null;
  });

export const saveShown = (notice: number) => writeCookie(SHOWN, notice);
