// Cookies and localStorage. Every getter here can throw (blocked storage, sandboxed frames);
// what cannot be read is a doubt, and a doubt closes the gate.

import { decode, encode, merge } from "../core/state.ts";
import type { Choices, Config } from "../core/types.ts";

const CHOICES = "cm_choices";
const SHOWN = "cm_shown";

/** All values of a cookie: a second one of the same name was not set by us. */
function readCookies(name: string): string[] {
  return document.cookie
    .split(/; */)
    .filter((pair) => pair.startsWith(name + "="))
    .map((pair) => pair.slice(name.length + 1));
}

function writeCookie(name: string, value: string): boolean {
  try {
    const secure = location.protocol === "https:" ? ";Secure" : "";
    document.cookie = `${name}=${value};Path=/;SameSite=Lax;Max-Age=34560000${secure}`;
    return readCookies(name).join() === value;
  } catch {
    return false;
  }
}

export function readLocal(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function writeLocal(key: string, value: string): boolean {
  try {
    localStorage.setItem(key, value);
    return localStorage.getItem(key) === value;
  } catch {
    return false;
  }
}

/** What survives a reload of this tab. */
export function peekSession(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

export function takeSession(key: string): string | null {
  const value = peekSession(key);
  if (value) sessionStorage.removeItem(key);
  return value;
}

export function putSession(key: string, value: string): void {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // Only a courtesy travels here.
  }
}

/** The stored choices, and whether there is a reason not to believe them. */
export function loadChoices(config: Config): { choices: Choices | null; doubt: boolean } {
  try {
    const cookies = readCookies(CHOICES);
    const local = localStorage.getItem(CHOICES);
    return cookies.length > 1
      ? { choices: null, doubt: true }
      : {
          choices: merge(decode(cookies[0] ?? null, config.numbers), decode(local, config.numbers)),
          doubt: false,
        };
  } catch {
    return { choices: null, doubt: true };
  }
}

/** True when at least one copy can be read back. */
export function saveChoices(config: Config, choices: Choices): boolean {
  const text = encode(choices, config.numbers);
  const inCookie = writeCookie(CHOICES, text);
  return writeLocal(CHOICES, text) || inCookie;
}

export function loadShown(): number | null {
  try {
    const [value, second] = readCookies(SHOWN);
    return value && !second && /^\d{1,9}$/.test(value) ? +value : null;
  } catch {
    return null;
  }
}

export function saveShown(notice: number): void {
  writeCookie(SHOWN, "" + notice);
}

/** Another tab of this browser may have stored choices. */
export function onOtherTab(listener: () => void): void {
  // A page that comes back from the cache has missed what was said meanwhile.
  addEventListener("pageshow", (event) => event.persisted && listener());
  addEventListener("storage", (event) => {
    if (event.key === CHOICES) listener();
  });
}
