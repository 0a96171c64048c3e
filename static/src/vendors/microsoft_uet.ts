// Microsoft Advertising UET consent mode: one signal.
// https://learn.microsoft.com/advertising/msa-help/hlp_ba_conc_uet_consent
// Denied: no cookies are used, events still go out (marked `asc=D`); a reload stops them.
// No types are published.

import { queue, vendors, word } from "./page.ts";

vendors.microsoft_uet = [
  ["advertising"],
  ([advertising], isDefault) => {
    queue("uetq").push("consent", isDefault ? "default" : "update", {
      ad_storage: word(advertising),
    });
  },
];
