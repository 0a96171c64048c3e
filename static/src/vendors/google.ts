// Google Consent Mode v2. https://developers.google.com/tag-platform/security/guides/consent
// Denied: no cookies are used, but a tag that runs goes on sending pings; a reload stops it.

/// <reference types="gtag.js" />

import { queue, vendors, word } from "./page.ts";

/** Google's tags read only Arguments objects, as `gtag()` pushes them; arrays are left aside. */
const command = function () {
  return arguments;
} as <Command extends keyof Gtag.GtagCommands>(
  command: Command,
  ...words: Gtag.GtagCommands[Command]
) => IArguments;

vendors.google = [
  ["analytics", "advertising", "personalisation", "functional"],
  ([analytics, advertising, personalisation, functional], isDefault) => {
    const layer = queue("dataLayer") as unknown[];
    const ads = word(advertising);
    const state = {
      ad_storage: ads,
      ad_user_data: ads,
      ad_personalization: ads,
      analytics_storage: word(analytics),
      functionality_storage: word(functional),
      personalization_storage: word(personalisation),
      security_storage: word(true),
    } satisfies Gtag.ConsentParams;
    if (!isDefault) layer.push(command("consent", "update", state));
    else {
      // In front of what the page has queued; a container that runs already hears only `push`.
      layer["google_tag_manager" in window ? "push" : "unshift"](
        command("consent", "default", { ...state, wait_for_update: 500 }),
        command("set", "ads_data_redaction", true),
      );
    }
  },
];
