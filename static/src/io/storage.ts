// The readable cookies. Every getter here can throw (blocked storage, sandboxed frames); what cannot
// be read is a doubt, and a doubt closes the gate.

import { decode } from "../core/state.ts";
import type { Choices, Config } from "../core/types.ts";

export const CHOICES = "cm_choices";
export const SHOWN = "cm_shown";

/** `null` where that throws. */
export function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

/** All values of a cookie: a second one of the same name was not set by us. */
export const readCookies = (name: string, cookies = document.cookie): string[] =>
  ("; " + cookies)
    .split(`; ${name}=`)
    .slice(1)
    .map((rest) => rest.split(";")[0]!);

export const writeCookie = (name: string, value: string | number) =>
  attempt(() => {
    const secure = location.protocol === "https:" ? ";Secure" : "";
    document.cookie = `${name}=${value};Path=/;SameSite=Lax;Max-Age=34560000${secure}`;
  });

/**
 * The choices in the cookie, or undefined where there is a reason not to believe them; and the number
 * of the notice that was shown on an earlier page: in doubt, none was.
 */
export function loadCookies({ ids }: Config): [Choices | null | undefined, number | null] {
  try {
    // One look: the browser asks another process.
    const { cookie } = document;
    const [first, second] = readCookies(CHOICES, cookie);
    const [shown, other] = readCookies(SHOWN, cookie);
    if (second === undefined) {
      return [decode(first, ids), !other && /^\d{1,9}$/.test(shown!) ? +shown! : null];
    }
  } catch {
    // A doubt, as well.
  }
  return [undefined, null];
}
