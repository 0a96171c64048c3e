// What survives a reload of this tab: a courtesy, no more.

import { attempt } from "./storage.ts";

export const peekSession = (key: string): string | null =>
  attempt(() => sessionStorage.getItem(key));

export function takeSession(key: string): string | null {
  const value = peekSession(key);
  if (value) sessionStorage.removeItem(key);
  return value;
}
