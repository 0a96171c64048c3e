// Tells vendors what was decided, each in its own words. Only sites that declare such vendors are
// served this part: the service puts it, and one file of static/src/vendors/ for each vendor that
// the site declares, in front of the loader.

/** Vendor → nature of purpose (analytics, advertising, personalisation, functional) → granted now. */
export type Grants = Record<string, Record<string, boolean>>;

export interface Signals {
  /**
   * First call on a page: the default, all denied, whatever the grants say; each later call: one
   * update for each vendor for which something changed. Answers the vendors that lost a grant and
   * need a reload to stop.
   */
  tell(grants: Grants): string[];
}

/**
 * What a vendor listens to, and how it is told. `granted` goes by its natures; it is empty in the
 * default. Answers true if a running script stops at what it was just told, without a reload.
 */
export type Vendor = [
  natures: string[],
  tell: (granted: boolean[], isDefault: boolean) => boolean | void,
];

/** Made by the build in front of this file, so that vendors' files and the loader can see it. */
declare const CM_SIGNALS: Signals & { vendors: Record<string, Vendor> };

const told: Record<string, boolean[]> = {};

CM_SIGNALS.tell = (grants) =>
  Object.keys(grants).filter((name) => {
    const given = grants[name]!;
    // A vendor without a consent call of its own cannot be told, only not be loaded.
    const [natures, tell] = CM_SIGNALS.vendors[name] ?? [Object.keys(given), () => {}];
    const before = told[name];
    const now = before ? natures.map((nature) => !!given[nature]) : [];
    // The first update is sent even if it denies as the default did: it says that somebody decided.
    if ("" + before === "" + now) return false;
    told[name] = now;
    let stopped;
    try {
      stopped = tell(now, !before);
    } catch {
      // What is wrong with one vendor concerns neither the page nor the next vendor.
    }
    return !!before && before.some((granted, at) => granted && !now[at]) && !stopped;
  });
