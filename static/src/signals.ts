// Tells vendors what was decided, each in its own words. Only sites that declare such vendors are
// served this part: the service puts it, and one file of static/src/vendors/ for each vendor that
// the site declares, in front of the loader.

import type { Device } from "./device.ts";

/** Vendor → nature of purpose (analytics, advertising, personalisation, functional) → granted now. */
export type Grants = Record<string, Record<string, boolean>>;

export interface Signals {
  /**
   * First call on a page: the default, all denied, whatever the grants say; each later call: one
   * update for each vendor for which something changed. Answers the vendors that lost a grant and
   * need a reload to stop.
   */
  tell(grants: Grants): string[];
  /**
   * Tell the vendors of a site's tags what holds for this device now. The first call is the default;
   * a later one says nothing while nobody decided. Answers the tags that have stopped by being told.
   */
  hear(device: Device): string[];
  /** What each vendor was told last, by its natures; nothing = the default, all denied. */
  told: Record<string, boolean[]>;
  vendors: Record<string, Vendor>;
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
declare const CM_SIGNALS: Signals;

CM_SIGNALS.hear = (device) => {
  device.signals = CM_SIGNALS;
  const { tags } = device.config;
  const decisions = device.decisions();
  const isDecided =
    device.choices ||
    Object.values(decisions).some(({ allowed, reason }) => allowed && reason !== "exempt");
  if (Object.keys(told)[0] && !isDecided) return [];
  const all: Grants = {};
  for (const code of Object.keys(tags)) {
    const { vendor, natures } = tags[code]!;
    for (const nature of natures ?? []) {
      (all[vendor!] ??= {})[nature] ||= decisions[code]!.allowed;
    }
  }
  const loud = CM_SIGNALS.tell(all);
  return Object.keys(tags).filter((code) => {
    const { vendor } = tags[code]!;
    return vendor && !loud.includes(vendor) && !Object.values(all[vendor]!).includes(true);
  });
};

const told: Record<string, boolean[]> = (CM_SIGNALS.told = {});

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
