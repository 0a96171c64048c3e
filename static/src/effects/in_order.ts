// Scripts of one tag that wait for each other. Tags do not wait for each other, as they would in the
// browser's own order for inserted scripts.

import { isWaitedFor, type InOrder } from "./tags.ts";

/** Start the download of a script that will run later. */
function preload(script: HTMLScriptElement): void {
  const link = document.createElement("link");
  link.rel = script.type === "module" ? "modulepreload" : "preload";
  link.as = "script";
  link.href = script.src;
  link.nonce = script.nonce;
  link.crossOrigin = script.crossOrigin;
  link.integrity = script.integrity;
  link.referrerPolicy = script.referrerPolicy;
  document.head.append(link);
}

export const inOrder: InOrder = async (before, scripts, slot, runs) => {
  const { live } = slot;
  scripts.forEach(([script], index) => {
    // The first one is asked for at once.
    if ((before || index) && isWaitedFor(script)) preload(script);
  });
  await before;
  for (const [script, place] of scripts) {
    if (!live || slot.live !== live) return;
    runs();
    live.push(script);
    const waits = isWaitedFor(script);
    if (waits) script.async = false;
    const loaded = new Promise((done) => {
      script.onload = script.onerror = done;
    });
    place.replaceWith(script);
    if (waits) await loaded;
  }
};
