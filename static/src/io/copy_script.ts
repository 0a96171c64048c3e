// Makes scripts of the page's own inert markup run.

import { newScript, trusted } from "./script.ts";

/**
 * A script that runs when inserted, made after one that was inert. A clone would not do: it runs
 * neither where texts must be trusted nor where the markup came from innerHTML. The page's nonce
 * is not lent: what the page did not mark as its own stays blocked.
 */
export function copyScript(inert: HTMLScriptElement): HTMLScriptElement {
  const address = inert.getAttribute("src");
  const script = newScript(address, inert.nonce);
  for (const { name, value } of inert.attributes) {
    if (!/^(src|nonce|type|data-cm-tag|data-type|on.*)$/.test(name))
      script.setAttribute(name, value);
  }
  const type = inert.dataset.cmTag === undefined ? inert.getAttribute("type") : inert.dataset.type;
  if (type) script.type = type;
  if (!address) script.text = trusted().createScript(inert.text);
  return script;
}
