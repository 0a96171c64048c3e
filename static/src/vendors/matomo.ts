// Matomo, tracking consent. https://developer.matomo.org/guides/tracking-consent
// Forgotten: no further request is sent, and a consent that Matomo itself remembered is dropped.
// No types are published.

import { queue, vendors } from "./page.ts";

vendors.matomo = [
  ["analytics"],
  ([analytics], isDefault) => {
    queue("_paq").push([
      isDefault ? "requireConsent" : analytics ? "setConsentGiven" : "forgetConsentGiven",
    ]);
    return true;
  },
];
