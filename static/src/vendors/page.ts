// How vendors' globals are reached on a page that has them already, has them later, or has an
// element of that name (`<form name="dataLayer">`) in their place. Where a package publishes a
// vendor's types, its file is written against them, so that `npm run types` checks each call.

import type { Vendor } from "../signals.ts";

declare const CM_SIGNALS: { vendors: Record<string, Vendor> };

export const vendors = CM_SIGNALS.vendors;

const page = window as unknown as Record<string, unknown>;

export const word = (granted: boolean | undefined): "granted" | "denied" =>
  granted ? "granted" : "denied";

/** A queue that vendors read once they load: theirs if it can be pushed to, else a new array. */
export function queue(name: string): { push(...entries: unknown[]): unknown } {
  const found = page[name] as unknown[] | undefined;
  return typeof found?.push === "function" ? found : (page[name] = []);
}

/**
 * Call `tell` with `window[name]` when that is ready: now, or at the moment it is set or read after
 * that. Nothing is put in its place meanwhile, because base codes do nothing where their name is
 * taken, and pages ask `if (window.fbq)`. A later call takes the place of one that still waits.
 */
export function whenReady<T>(
  name: string,
  isReady: (found: T | undefined) => unknown,
  tell: (found: T) => void,
): void {
  let found = page[name] as T;
  let isTold = false;
  const look = () => {
    try {
      if (!isTold && isReady(found)) {
        isTold = true;
        tell(found);
      }
    } catch {
      // Something else of that name. Whoever sets or reads it must not suffer for it.
    }
    return found;
  };
  look();
  if (isTold) return;
  try {
    Object.defineProperty(page, name, {
      get: look,
      set(value) {
        found = value;
        look();
      },
      configurable: true,
      enumerable: true,
    });
  } catch {
    // Declared with `var` before this ran, so it cannot be watched; the next call looks again.
  }
}
