// What the page asked of others, held against what its tags declare. Only looks: holding is hold.ts.

import { tagOf } from "../core/hosts.ts";

export interface Observed {
  /** Hosts, with their port if it is not the usual one, that no tag declares. */
  undeclared: string[];
  /** Hosts that were asked although every tag that declares them is denied. */
  leaks: { host: string; tags: string[] }[];
}

/**
 * Sort the page's requests, such as `performance.getEntriesByType("resource")`. `ours` are the
 * hosts of the page and the service. Give entries as they come: `isDenied` answers for now, and
 * a request that was allowed when it went is no leak after a withdrawal.
 */
export function observe(
  hosts: Record<string, string[]>,
  entries: readonly { name: string }[],
  ours: string[],
  isDenied: (code: string) => boolean,
): Observed {
  const undeclared = new Set<string>();
  const leaks = new Map<string, string[]>();
  for (const { name } of entries) {
    if (!/^(http|ws)s?:/.test(name)) continue;
    const url = new URL(name);
    if (ours.includes(url.host)) continue;
    const tags = tagOf(hosts, url);
    if (!tags.length) undeclared.add(url.host);
    else if (tags.every(isDenied)) leaks.set(url.host, tags);
  }
  return {
    undeclared: [...undeclared],
    leaks: [...leaks].map(([host, tags]) => ({ host, tags })),
  };
}

/** For the developer's console: why the script may come too late to hold anything; null = it does not. */
export function stubIsEarly(ownScript: HTMLScriptElement | null): string | null {
  // A module and a script that another one inserted late have no current script to show.
  if (!ownScript) return "Consent script: it must be a plain <script>, not a module.";
  if (ownScript.async || ownScript.defer)
    return "Consent script: without async or defer, or tags before it run first.";
  const before = [...document.querySelectorAll("script,link,img,iframe,embed,object,video,audio")]
    .filter((element) => element.compareDocumentPosition(ownScript) & 4)
    .filter((element) => {
      const address = element.getAttribute("src") ?? element.getAttribute("href");
      if (element.localName === "script") {
        const type = element.getAttribute("type");
        if (type && !/java|ecma|module/.test(type)) return false;
        // Inline code can send, too.
        if (!address) return true;
      }
      if (element.matches("link:not([rel~=stylesheet],[rel*=pre],[rel*=icon])")) return false;
      return !!address && new URL(address, document.baseURI).host !== location.host;
    });
  return before.length
    ? `Consent script: ${before.length} element(s) before it may have sent something, first <${before[0]!.localName}>. Put it first in <head>.`
    : null;
}
