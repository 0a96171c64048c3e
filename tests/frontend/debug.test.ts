// What the debug panel says: every reason in words, addresses without what may be personal, and a
// request judged by what was allowed when it was asked.

import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { inWords, WORDS, type Facts } from "../../static/src/core/reasons.ts";
import { asText, shorten } from "../../static/src/core/report.ts";
import type { Choices, Config, Decision, SiteTag } from "../../static/src/core/types.ts";
import type { Device } from "../../static/src/device.ts";
import { remember, warner, type Asked } from "../../static/src/effects/watch.ts";

const tag: SiteTag = {
  needed: ["partner:criteo", "purpose:advertising", "item:id.cookie"],
  since: 2,
};
const choices = (more: Partial<Choices> = {}): Choices => ({
  granted: [],
  refused: [],
  decided_at: 1_700_000_000,
  notice: 2,
  with_signal: false,
  seq: 1,
  ...more,
});
const facts = (more: Partial<Facts> = {}): Facts => ({
  config: { renew_days: { granted: 365, refused: 180 } } as Config,
  choices: null,
  isDoubtful: false,
  shown: 2,
  ...more,
});
const says = (reason: string, more: Partial<Facts> = {}, one = tag, allowed = false) =>
  inWords(one, { reason, allowed, withheld: [] }, facts(more));

describe("reasons", () => {
  test("each one of the gate's has its words, and no other", () => {
    const source = readFileSync("tracking/gate/types.py", "utf8");
    const reasons = [...source.matchAll(/^ {4}[A-Z_]+ = "(\w+)"$/gm)].map((match) => match[1]!);
    expect(reasons.length).toBeGreaterThan(10);
    // A lawful exception is for what a server sends; no page decides by one.
    const inPages = reasons.filter((reason) => reason !== "lawful_exception");
    expect(Object.keys(WORDS).sort()).toEqual(inPages.sort());
    for (const reason of inPages) expect(says(reason)).toMatch(/\w+ \w+/);
  });

  test("a refusal names all that was refused of what the tag needs", () => {
    const refused = ["partner:criteo", "purpose:advertising", "purpose:analytics"];
    expect(says("partner_refused", { choices: choices({ refused }) })).toBe(
      "the visitor refused the partner criteo, the purpose advertising",
    );
  });

  test("without a choice: nothing answered, something not answered, or doubt", () => {
    expect(says("no_choice")).toBe("the visitor has not answered yet");
    expect(says("no_choice", { choices: choices({ granted: tag.needed.slice(0, 2) }) })).toBe(
      "not answered yet: the data item id.cookie",
    );
    expect(says("no_choice", { isDoubtful: true })).toContain("cannot be trusted");
  });

  test("an answer is renewed because the notice changed, or because it is old", () => {
    expect(says("needs_renewal", { choices: choices({ notice: 1 }) })).toContain(
      "changed in notice 2; the visitor answered notice 1",
    );
    expect(says("needs_renewal", { choices: choices() })).toContain("older than 365 days");
    expect(says("needs_renewal", { choices: choices() }, tag, true)).toContain("it is enough");
  });

  test("a date where there is one; an unknown tag and an unknown reason do no harm", () => {
    expect(says("not_yet_effective", {}, { ...tag, from: 1_800_000_000 })).toContain("2027-01-15");
    const unknown = { reason: "unknown_tag", allowed: false, withheld: [] };
    expect(inWords(undefined, unknown, facts())).toContain("no tag of this code");
    expect(says("constructor")).toBe("constructor");
  });
});

describe("text", () => {
  test.each([
    ["https://a.example/p?mail=x@y.example&id=7#top", "a.example/p?…"],
    ["https://user:word@a.example:8443/p", "a.example:8443/p"],
    ["wss://a.example/", "a.example/"],
    [`https://a.example/${"x".repeat(300)}`, `a.example/${"x".repeat(118)}…`],
  ])("%s is shortened", (address, short) => {
    expect(shorten(address)).toBe(short);
  });

  test("the panel as text: headings, lines, and what is said where there is none", () => {
    const line = { code: "ga4", state: "denied", text: ["no_choice", ""] };
    expect(
      asText([
        { title: "Tags", lines: [line], none: "" },
        { title: "Events", lines: [], none: "None." },
      ]),
    ).toBe("## Tags\n- ga4 [denied]; no_choice\n\n## Events\nNone.");
  });
});

describe("memory", () => {
  let now = 0;
  let allowed = false;
  const once = new Set<string>();
  const device = {
    once,
    decide: () => ({ allowed: false, reason: "unknown_tag", withheld: [] }),
    decisions: (): Record<string, Decision> => ({
      ads: { allowed, reason: allowed ? "granted" : "no_choice", withheld: [] },
    }),
  } as unknown as Device;
  const decide = (at: number, isAllowed: boolean) => {
    [now, allowed] = [at, isAllowed];
    document.dispatchEvent(new CustomEvent("cm:change"));
  };

  beforeEach(() => {
    vi.spyOn(performance, "now").mockImplementation(() => now);
    allowed = false;
    once.clear();
  });
  afterEach(() => vi.restoreAllMocks());

  test("a request is judged by what held when it was asked, not by what came later", () => {
    const memory = remember(device, (code, { reason }) => code + " " + reason);
    decide(5000, true);
    decide(9000, false);
    const denied = (at: number) => memory.wasDenied("ads", at);
    expect([1000, 4000, 5000, 7000, 9500].map(denied)).toEqual([true, true, false, false, true]);
    expect(memory.why("ads", 1000)).toBe("ads no_choice");
    expect(memory.why("ads", 6000)).toBe("ads granted");
    // Declared in the notice, and not in this page's configuration.
    expect(memory.wasDenied("other", 6000)).toBe(true);
    expect(memory.why("other", 6000)).toBe("other unknown_tag");
  });

  test("what a decision lets go at once may come before its event", () => {
    const memory = remember(device, () => "");
    decide(5000, true);
    expect(memory.wasDenied("ads", 4990)).toBe(false);
  });

  test("what is let go long before its event is judged by when it was let go", () => {
    const memory = remember(device, () => "");
    [now, allowed] = [4000, true];
    memory.look();
    decide(5000, true);
    expect([3000, 4100].map((at) => memory.wasDenied("ads", at))).toEqual([true, false]);
  });

  test("what the visitor opened once was not denied", () => {
    const memory = remember(device, () => "");
    once.add("ads");
    expect(memory.wasDenied("ads", 100)).toBe(false);
  });
});

test("the console is told of the first undeclared host and of the first leak, once each", () => {
  const said = vi.spyOn(console, "warn").mockImplementation(() => {});
  const warn = warner();
  const one = (kind: Asked["kind"], host: string) =>
    warn({ address: "", host, way: "img", at: 0, tags: ["ads"], kind });
  one("allowed", "good.example");
  one("earlier", "early.example");
  one("undeclared", "a.example");
  one("undeclared", "b.example");
  one("leak", "c.example");
  one("leak", "d.example");
  expect(said.mock.calls.map(([text]) => /(\w)\.example/.exec(text as string)![1])).toEqual([
    "a",
    "c",
  ]);
});
