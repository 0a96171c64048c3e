// Cookies and localStorage. Every getter here can throw (blocked storage, sandboxed frames);
// what cannot be read is a doubt, and a doubt closes the gate. io/save.ts writes.

import { decode, merge } from "../core/state.ts";
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

export function writeCookie(name: string, value: string): boolean | null {
  return attempt(() => {
    const secure = location.protocol === "https:" ? ";Secure" : "";
    document.cookie = `${name}=${value};Path=/;SameSite=Lax;Max-Age=34560000${secure}`;
    return readCookies(name).join() === value;
  });
}

export const readLocal = (key: string) => attempt(() => localStorage.getItem(key));

/** The stored choices, or undefined where there is a reason not to believe them. */
export function loadChoices({ ids }: Config): Choices | null | undefined {
  try {
    const [first, second] = readCookies(CHOICES);
    const local = decode(localStorage.getItem(CHOICES), ids);
    return second === undefined ? merge(decode(first, ids), local) : undefined;
  } catch {
    return undefined;
  }
}

export const loadShown = () =>
  attempt(() => {
    const [value, second] = readCookies(SHOWN);
    return value && !second && /^\d{1,9}$/.test(value) ? +value : null;
  });

export const saveShown = (notice: number) => writeCookie(SHOWN, "" + notice);

/** Another tab of this browser may have stored choices. */
export function onOtherTab(listener: () => void): void {
  // A page that comes back from the cache has missed what was said meanwhile.
  addEventListener("pageshow", (event) => event.persisted && listener());
  // Taken away is no news: a refusal that could not be recorded yet does that (loader.ts).
  addEventListener("storage", (event) => event.key === CHOICES && event.newValue && listener());
}
