// TikTok pixel. https://business-api.tiktok.com/portal/docs?id=1739585600931842
// Held: events wait; revoked: they are not sent. The base code starts from an array and gives it
// methods that push [method, ...arguments], which is what is pushed here before it has them.
// No types are published.

import { vendors, whenReady } from "./page.ts";

type Ttq = Record<string, (() => void) | undefined> & { push(entry: string[]): void };

vendors.tiktok = [
  ["advertising"],
  ([advertising], isDefault) => {
    const method = (isDefault ? "hold" : advertising ? "grant" : "revoke") + "Consent";
    whenReady<Ttq>(
      "ttq",
      (ttq) => ttq?.push,
      (ttq) => (ttq[method] ? ttq[method]() : ttq.push([method])),
    );
    return true;
  },
];
