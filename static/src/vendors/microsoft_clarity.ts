// Microsoft Clarity, consent API v2; the keys have a capital S.
// https://learn.microsoft.com/clarity/clarity-consent-api-v2
// Denied: cookies are deleted and recording starts over without them; a reload stops it.

import type published from "@microsoft/clarity";
import { vendors, word } from "./page.ts";

type State = NonNullable<Parameters<(typeof published)["consentV2"]>[0]>;
type Clarity = ((method: "consentv2", state: State) => void) & { q?: ArrayLike<unknown>[] };

vendors.microsoft_clarity = [
  ["analytics", "advertising"],
  ([analytics, advertising]) => {
    const page = window as unknown as { clarity: Clarity };
    if (typeof page.clarity !== "function") {
      page.clarity = function () {
        (page.clarity.q ||= []).push(arguments);
      };
    }
    const { clarity } = page;
    // It deletes its cookies at a denial, also one that a grant follows: a visitor who comes back
    // would be a new one on every page. So only the newest state may wait for it.
    clarity.q &&= clarity.q.filter((call) => call[0] !== "consentv2");
    clarity("consentv2", { ad_Storage: word(advertising), analytics_Storage: word(analytics) });
  },
];
