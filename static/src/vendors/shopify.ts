// Shopify Customer Privacy API. https://shopify.dev/docs/api/customer-privacy
// Shopify keeps the answer and holds its own pixels to it; one that runs already may go on until
// the page is loaded again.
// Its types come only with its whole storefront framework, so they are not used.

import { vendors, whenReady } from "./page.ts";

interface Shopify {
  loadFeatures?(features: object[], loaded: (error?: unknown) => void): void;
  customerPrivacy?: { setTrackingConsent(consent: object, saved: () => void): void };
}

let wanted: object;
let isSaving = false;

/** One at a time: each is a request, and the last to arrive would win. None waits for ever. */
function save(shopify: Shopify): void {
  const consent = wanted;
  if (isSaving || !shopify.customerPrivacy) return;
  isSaving = true;
  let isDone = false;
  const done = () => {
    if (isDone) return;
    isDone = true;
    isSaving = false;
    if (consent !== wanted) save(shopify);
  };
  shopify.customerPrivacy.setTrackingConsent(consent, done);
  setTimeout(done, 2000);
}

vendors.shopify = [
  ["analytics", "advertising", "functional"],
  ([analytics, advertising, functional]) => {
    wanted = {
      analytics: !!analytics,
      marketing: !!advertising,
      preferences: !!functional,
      sale_of_data: !!advertising,
    };
    whenReady<Shopify>(
      "Shopify",
      (shopify) => shopify?.customerPrivacy || shopify?.loadFeatures,
      (shopify) => {
        if (shopify.customerPrivacy) save(shopify);
        else {
          shopify.loadFeatures!([{ name: "consent-tracking-api", version: "0.1" }], () =>
            save(shopify),
          );
        }
      },
    );
  },
];
