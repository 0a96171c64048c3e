// Meta pixel. https://developers.facebook.com/docs/meta-pixel/implementation/gdpr
// Revoked: events are held back until a grant, so nothing more is sent. The base code defines a
// function that queues, then reads `fbq` to call init: that is when this comes first.

/// <reference types="facebook-pixel" />

import { vendors, whenReady } from "./page.ts";

type Fbq = facebook.Pixel.Event & { queue?: unknown; callMethod?: unknown };

vendors.meta = [
  ["advertising"],
  ([advertising]) => {
    whenReady<Fbq>(
      "fbq",
      (fbq) => fbq?.queue || fbq?.callMethod,
      (fbq) => fbq("consent", advertising ? "grant" : "revoke"),
    );
    return true;
  },
];
