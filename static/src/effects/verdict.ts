// What the hold may let go: by the hosts that tags declare, and the gate's answer for those tags.

import { tagOf } from "../core/hosts.ts";
import type { Device } from "../device.ts";
import type { Verdict } from "../hold.ts";

export interface HoldTerms {
  /** Hosts that no tag declares are shut, too. */
  strict?: boolean;
  replays?: boolean;
  /** Tag code → hosts; `tags.example`, `*.tags.example`, with a port or without. */
  hosts: Record<string, string[]>;
}

export function verdictFor(
  device: Device,
  { hosts, strict }: HoldTerms,
  endpoint: string,
  url: URL,
): Verdict {
  if (url.origin === endpoint) return "go";
  const codes = tagOf(hosts, url);
  if (!codes.length) return strict ? "drop" : "go";
  const decisions = codes.map((code) => ({ code, ...device.decide(code) }));
  // Before it is sure that no stored refusal was missed, only exempt tags go.
  const mayGo = decisions.some(
    ({ code, allowed, reason }) =>
      (allowed && (device.isOpen || reason === "exempt")) || device.once.has(code),
  );
  if (mayGo) return "go";
  // What the visitor may yet allow can be let go later on this page.
  const mayYet = decisions.some(({ allowed, reason }) => allowed || /^no_|^needs_/.test(reason));
  return mayYet ? "hold" : "drop";
}
