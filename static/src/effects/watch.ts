// What the page asks of other hosts, as it asks, judged by what was allowed when it asked; and two
// sentences for the developer's console. Only looks: holding is hold.ts.

import { tagOf } from "../core/hosts.ts";
import type { Decision } from "../core/types.ts";
import type { Device } from "../device.ts";
import { observe } from "./observe.ts";

export interface Asked {
  address: string;
  host: string;
  /** What asked: script, img, fetch, xmlhttprequest, beacon, css … */
  way: string;
  /** Milliseconds since the page was opened. */
  at: number;
  /** Tags that declare the host. */
  tags: string[];
  /** "earlier": before the last decision that this page did not see being made. */
  kind: "allowed" | "undeclared" | "leak" | "earlier";
}

/** Within this, a decision's own work and its event count as one moment. */
const MOMENT = 200;

/** Remembers which tags were denied when. */
export interface Memory {
  wasDenied(code: string, at: number): boolean;
  /** Milliseconds since the page was opened; nothing is known of what was before. */
  since(): number;
}

/**
 * Remember from here on; to be called before anything is decided on the page. `why`: a decision in
 * words, which are kept with it.
 */
export function remember(
  device: Device,
  why: (code: string, decision: Decision) => string,
): Memory & { why(code: string, at: number): string; look(): void } {
  const states: { at: number; allowed: Set<string>; words: Map<string, string> }[] = [];
  const look = (at = performance.now()) => {
    const decisions = Object.entries(device.decisions());
    const allowed = decisions.filter(([, decision]) => decision.allowed);
    states.push({
      at,
      allowed: new Set(allowed.map(([code]) => code)),
      words: new Map(decisions.map(([code, decision]) => [code, why(code, decision)])),
    });
  };
  look(-Infinity);
  for (const name of ["ready", "change"])
    document.addEventListener("cm:" + name, () => look());
  return {
    look: () => look(),
    // A code that the page's configuration does not have is as unknown now as it was then.
    why: (code, at) =>
      states
        .filter((state) => state.at <= at + MOMENT)
        .pop()!
        .words.get(code) ?? why(code, device.decide(code)),
    since: () => 0,
    wasDenied: (code, at) =>
      !device.once.has(code) &&
      states.every(
        ({ allowed }, index) =>
          !allowed.has(code) ||
          states[index]!.at > at + MOMENT ||
          (states[index + 1]?.at ?? Infinity) <= at,
      ),
  };
}

/** Tell of each request to another host, also of those before the call. Answers how to stop. */
export function watch(
  hosts: Record<string, string[]>,
  endpoint: string,
  memory: Memory,
  tell: (asked: Asked) => void,
): () => void {
  const ours = [location.host, new URL(endpoint).host];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as PerformanceResourceTiming[]) {
      const { name, initiatorType, startTime } = entry;
      if (!/^(http|ws)/.test(name)) continue;
      const url = new URL(name);
      if (ours.includes(url.host)) continue;
      const isDenied = (code: string) => memory.wasDenied(code, startTime);
      const { undeclared, leaks } = observe(hosts, [entry], ours, isDenied);
      tell({
        address: name,
        host: url.host,
        way: initiatorType,
        at: startTime,
        tags: tagOf(hosts, url),
        kind: undeclared[0]
          ? "undeclared"
          : startTime < memory.since()
            ? "earlier"
            : leaks[0]
              ? "leak"
              : "allowed",
      });
    }
  });
  observer.observe({ type: "resource", buffered: true });
  return () => observer.disconnect();
}

export const ADVICE = {
  undeclared: ({ host }: Asked) =>
    `This page asked ${host}, which no tag declares. ` +
    "Add it to the hosts of the tag that asks it, or remove what asks it.",
  leak: ({ host, tags }: Asked) =>
    `This page asked ${host} while each tag that declares it was denied (${tags.join(", ")}). ` +
    `Write the tag as <template data-cm-tag="${tags[0]}">, or hold the host.`,
};

/** A function that says the first undeclared host and the first leak in the browser's console. */
export function warner(): (asked: Asked) => void {
  const said = new Set<string>();
  return (asked) => {
    const { kind } = asked;
    if (!Object.hasOwn(ADVICE, kind) || said.has(kind)) return;
    said.add(kind);
    console.warn("Consent: " + ADVICE[kind as keyof typeof ADVICE](asked));
  };
}
