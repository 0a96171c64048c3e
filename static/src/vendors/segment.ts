// Segment: each event carries the preferences, under the natures' names, and each decision is an
// event of its own. https://segment.com/docs/privacy/consent-management/
// Denied: events go on, and Segment filters by what they carry; a reload stops them.

import type { SourceMiddlewareFunction } from "@segment/analytics-consent-tools/dist/types/types/wrapper";
import { vendors, whenReady } from "./page.ts";

type Method = (argument: unknown) => void;
type Analytics = Record<string, Method | undefined> & { push?: Method };

const NATURES = ["analytics", "advertising", "personalisation", "functional"];
let categoryPreferences: Record<string, boolean>;
let waiting: [method: string, argument: unknown][] = [];

const stamp: SourceMiddlewareFunction = ({ payload, next }) => {
  const { context } = payload.obj;
  context.consent = { ...context.consent, categoryPreferences };
  next(payload);
};

/** The snippet starts from an array that later methods push to, as here before they exist. */
function call(method: string, argument: unknown): void {
  waiting.push([method, argument]);
  whenReady<Analytics>(
    "analytics",
    (analytics) => analytics?.push || analytics?.track,
    (analytics) => {
      for (const entry of waiting) {
        if (analytics[entry[0]]) analytics[entry[0]]!(entry[1]);
        else analytics.push!(entry);
      }
      waiting = [];
    },
  );
}

vendors.segment = [
  NATURES,
  (granted, isDefault) => {
    categoryPreferences = Object.fromEntries(NATURES.map((nature, at) => [nature, !!granted[at]]));
    if (!isDefault) return;
    call("addSourceMiddleware", stamp);
    // Not at every update: a page view of somebody who decided earlier is no change.
    document.addEventListener("cm:change", (event) => {
      if ((event as CustomEvent<{ method: unknown }>).detail.method) {
        call("track", "Segment Consent Preference Updated");
      }
    });
  },
];
