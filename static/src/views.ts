// Entry 6, only on sites that count page views: says once which purposes are allowed on this page view,
// and nothing of the visitor or the page.

import { codeOf } from "./core/decide.ts";
import type { Part } from "./loader.ts";

const { host } = (document.currentScript as Part<void>).cm;
const { config, decisions } = host.device;

/** Milliseconds after which a page view counts: by then every page has come to rest, asked or not. */
const SETTLED = 6000;

function count(): void {
  const found = decisions();
  const granted = new Set<string>();
  for (const [code, { needed }] of Object.entries(config.tags)) {
    const { allowed, reason } = found[code]!;
    if (!allowed || reason === "exempt") continue;
    for (const id of needed) if (id.startsWith("purpose:")) granted.add(codeOf(id));
  }
  fetch(host.endpoint + "/v1/pages", {
    method: "POST",
    body: JSON.stringify({ site: config.site, granted: [...granted] }),
    keepalive: true,
    credentials: "omit",
    // Its address stays here.
    referrerPolicy: "origin",
  }).catch(() => {});
}

/** A page that was fetched ahead and is never looked at is not viewed. */
function begin(): void {
  const [entry] = performance.getEntriesByType("navigation") as { activationStart?: number }[];
  setTimeout(count, SETTLED - performance.now() + (entry?.activationStart ?? 0));
}

if ((document as { prerendering?: boolean }).prerendering) {
  document.addEventListener("prerenderingchange", begin, { once: true });
} else begin();
