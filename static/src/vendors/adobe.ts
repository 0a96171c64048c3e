// Adobe Experience Cloud ID service, opt-in.
// https://experienceleague.adobe.com/docs/id-service/using/implementation/opt-in-service/api.html
// Denied: libraries of that category set no cookies and send nothing, but only where the page's
// Visitor configuration has `doesOptInApply`; that cannot be seen from here, so a reload stops it.
// No types are published.

import { vendors, whenReady } from "./page.ts";

interface Adobe {
  optIn?: {
    approve(categories: string[], waits: boolean): void;
    deny(categories: string[], waits: boolean): void;
    complete(): void;
  };
}

vendors.adobe = [
  ["analytics", "advertising", "personalisation"],
  ([analytics, advertising, personalisation]) => {
    const granted: Record<string, unknown> = {
      aa: analytics,
      aam: advertising,
      target: personalisation,
      ecid: analytics || advertising || personalisation,
    };
    const having = (is: boolean) => Object.keys(granted).filter((code) => !!granted[code] === is);
    whenReady<Adobe>(
      "adobe",
      (adobe) => adobe?.optIn?.complete,
      ({ optIn }) => {
        optIn!.approve(having(true), true);
        optIn!.deny(having(false), true);
        optIn!.complete();
      },
    );
  },
];
