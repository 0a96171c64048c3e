import { describe, expect, test } from "vitest";
import {
  answerAll,
  applyDecision,
  askedIds,
  decode,
  encode,
  fromMaps,
  merge,
  shouldAsk,
  toMaps,
} from "../../static/src/core/state.ts";
import { chosen, site } from "./site.ts";

const config = site();
const { numbers } = config;
const NOW = 1_795_330_800;
const quiet = { gpc: false };

describe("the cookie's text", () => {
  test("bit 0 is the most significant bit of the first nibble", () => {
    const text = encode(
      chosen({ granted: ["a"], refused: ["b", "c"], decided_at: 9, notice: 3, seq: 4 }),
      { a: 0, b: 3, c: 5 },
    );
    expect(text).toBe("1.3.9.0.4.8.14");
  });

  test("nothing granted, nothing refused", () => {
    expect(encode(chosen({ decided_at: 9, seq: 0, with_signal: true }), numbers)).toBe(
      "1.3.9.1.0..",
    );
  });

  test.each([0, 1, 3, 4, 17, 30])("reads what it wrote (number %i)", (number) => {
    const one = chosen({ granted: ["x"], refused: [], with_signal: true, seq: 1_795_330_800_123 });
    expect(decode(encode(one, { x: number }), { x: number })).toEqual(one);
  });

  test("reads trailing zeros and numbers it does not know", () => {
    expect(decode("1.3.9.0.4.80ff00.0", { a: 0, b: 1 })).toMatchObject({
      granted: ["a"],
      refused: [],
    });
  });

  test("an id that is both counts as refused", () => {
    expect(decode("1.3.9.0.4.8.8", { a: 0 })).toMatchObject({ granted: [], refused: ["a"] });
  });

  test.each([
    null,
    "",
    "1",
    "2.3.9.0.4.8.1",
    "1.3.9.0.4.8",
    "1.3.9.0.4.G.1",
    "1.3.9.0.4.8.1.",
    "1.-3.9.0.4.8.1",
    "1.3.9.0.4.8.1 ",
    "1.3.1e9.0.4.8.1",
    "%31.3.9.0.4.8.1",
    "1.3.9999999999999.0.4.8.1",
  ])("%j is no choices", (text) => {
    expect(decode(text, numbers)).toBeNull();
  });
});

describe("merge", () => {
  const a = chosen({ seq: 5, granted: ["x", "y"], refused: ["z"], with_signal: true });

  test("the newer wins, whichever side it is on", () => {
    const b = chosen({ seq: 6, granted: ["z"] });
    expect(merge(a, b)).toBe(b);
    expect(merge(b, a)).toBe(b);
    expect(merge(a, null)).toBe(a);
    expect(merge(null, null)).toBeNull();
  });

  test("on the same seq the more restrictive", () => {
    const b = chosen({ seq: 5, granted: ["y", "z"], refused: ["w"], notice: 2, decided_at: 1 });
    const merged = merge(a, b)!;
    expect(merged).toMatchObject({ granted: ["y"], notice: 2, decided_at: 1, with_signal: false });
    expect(new Set(merged.refused)).toEqual(new Set(["z", "w"]));
  });
});

describe("a decision", () => {
  test("asks what the tags that are not exempt need or would like", () => {
    expect(askedIds(config)).not.toContain("purpose:necessary");
    expect(askedIds(config)).toContain("item:attr.gender");
    expect(answerAll(config, true).size).toBe(askedIds(config).length);
  });

  test("maps there and back; what the notice does not ask is left out", () => {
    const maps = {
      purposes: { analytics: true, necessary: false, horoscopes: true },
      partners: { google: false },
      data_items: { constructor: true } as Record<string, boolean>,
    };
    const answers = fromMaps(config, maps);
    expect([...answers]).toEqual([
      ["purpose:analytics", true],
      ["partner:google", false],
    ]);
    expect(toMaps(answers)).toEqual({
      purposes: { analytics: true },
      data_items: {},
      partners: { google: false },
    });
  });

  test("ids that are left out keep their earlier answer", () => {
    const earlier = chosen({
      granted: ["purpose:analytics"],
      refused: ["partner:criteo"],
      decided_at: NOW - 60,
    });
    const next = applyDecision(
      config,
      earlier,
      "choose",
      new Map([["partner:google", true]]),
      quiet,
      NOW,
    );
    expect(next.granted.sort()).toEqual(["partner:google", "purpose:analytics"]);
    expect(next.refused).toEqual(["partner:criteo"]);
    expect(next.seq).toBeGreaterThan(earlier.seq);
  });

  test("a refusal leaves nothing granted, not even what is not asked any more", () => {
    const earlier = chosen({ granted: ["partner:gone", "purpose:analytics"] });
    const next = applyDecision(config, earlier, "refuse", answerAll(config, false), quiet, NOW);
    expect(next.granted).toEqual([]);
    expect(next.refused).toContain("partner:gone");
  });

  test("a new decision does not freshen an expired or changed grant", () => {
    const answers = new Map([["partner:youtube", true]]);
    const old = chosen({ granted: ["purpose:analytics"], decided_at: NOW - 366 * 86400 });
    expect(applyDecision(config, old, "choose", answers, quiet, NOW).granted).toEqual([
      "partner:youtube",
    ]);
    const changed = site({ material_since: { ...config.material_since, "purpose:analytics": 3 } });
    const before = chosen({
      granted: ["purpose:analytics", "partner:google"],
      notice: 2,
      decided_at: NOW - 9,
    });
    expect(applyDecision(changed, before, "choose", answers, quiet, NOW).granted).toEqual([
      "partner:google",
      "partner:youtube",
    ]);
  });

  test("a grant under a browser signal does not cover earlier grants", () => {
    const earlier = chosen({
      granted: ["purpose:advertising", "purpose:analytics"],
      decided_at: NOW - 9,
    });
    const answers = new Map([["partner:youtube", true]]);
    const next = applyDecision(config, earlier, "choose", answers, { gpc: true }, NOW);
    expect(next.with_signal).toBe(true);
    expect(next.granted).toEqual(["purpose:analytics", "partner:youtube"]);
  });

  test("seq never falls behind the clock or the past", () => {
    const seq = (earlier: number) =>
      applyDecision(config, chosen({ seq: earlier }), "refuse", new Map(), quiet, NOW).seq;
    expect(seq(1)).toBe(NOW * 1000);
    expect(seq(NOW * 1000 + 50)).toBe(NOW * 1000 + 51);
  });
});

describe("when to ask", () => {
  const all = answerAll(config, true);
  const everything = chosen({ granted: [...all.keys()], decided_at: NOW });

  test.each([
    ["never decided", null, NOW, true],
    ["everything granted", everything, NOW, false],
    ["grants expired", everything, NOW + 365 * 86400, true],
    ["everything refused", { ...everything, granted: [], refused: [...all.keys()] }, NOW, false],
    [
      "refused long ago",
      { ...everything, granted: [], refused: [...all.keys()] },
      NOW + 180 * 86400,
      true,
    ],
    [
      "one partner new",
      { ...everything, granted: everything.granted.filter((id) => id !== "partner:line") },
      NOW,
      true,
    ],
    ["one partner refused", { ...everything, refused: ["partner:line"] }, NOW, false],
  ])("%s", (_, choices, now, expected) => {
    expect(shouldAsk(config, choices, now)).toBe(expected);
  });

  test("a site with exempt tags only asks nothing", () => {
    const only = site({ tags: { cart: config.tags.cart! } });
    expect(shouldAsk(only, null, NOW)).toBe(false);
  });
});
