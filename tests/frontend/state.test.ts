import { describe, expect, test } from "vitest";
import { merge } from "../../static/src/core/merge.ts";
import { answerAll, askedIds, decode, encode } from "../../static/src/core/state.ts";
import type { Config } from "../../static/src/core/types.ts";
import { chosen, site } from "./site.ts";

const config = site();
const NOW = 1_795_330_800;
const numbered = (numbers: Record<string, number>): Config["ids"] =>
  Object.fromEntries(Object.entries(numbers).map(([id, number]) => [id, [number, 1]]));

describe("the cookie's text", () => {
  test("bit 0 is the most significant bit of the first nibble", () => {
    const text = encode(
      chosen({ granted: ["a"], refused: ["b", "c"], decided_at: 9, notice: 3, seq: 4 }),
      numbered({ a: 0, b: 3, c: 5 }),
    );
    expect(text).toBe("1.3.9.0.4.8.14");
  });

  test("nothing granted, nothing refused", () => {
    expect(encode(chosen({ decided_at: 9, seq: 0, with_signal: true }), config.ids)).toBe(
      "1.3.9.1.0..",
    );
  });

  test.each([0, 1, 3, 4, 17, 30])("reads what it wrote (number %i)", (number) => {
    const one = chosen({ granted: ["x"], refused: [], with_signal: true, seq: 1_795_330_800_123 });
    const ids = numbered({ x: number });
    expect(decode(encode(one, ids), ids)).toEqual(one);
  });

  test.each([
    [false, false, 0],
    [true, false, 1],
    [false, true, 2],
    [true, true, 3],
  ])("signal %s and unsent %s are flags of their own", (with_signal, isUnsent, flags) => {
    const one = chosen({ with_signal, ...(isUnsent && { is_unsent: true }) });
    const text = encode(one, config.ids)!;
    expect(text.split(".")[3]).toBe(String(flags));
    expect(decode(text, config.ids)).toEqual(one);
  });

  test("reads trailing zeros and numbers it does not know", () => {
    expect(decode("1.3.9.0.4.80ff00.0", numbered({ a: 0, b: 1 }))).toMatchObject({
      granted: ["a"],
      refused: [],
    });
  });

  test("an id that is both counts as refused", () => {
    expect(decode("1.3.9.0.4.8.8", numbered({ a: 0 }))).toMatchObject({ granted: [], refused: ["a"] });
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
    expect(decode(text, config.ids)).toBeNull();
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
    expect(merged.is_unsent).toBeFalsy();
  });

  test("is unsent only while both copies say so", () => {
    const unsent = { ...a, is_unsent: true };
    expect(merge(unsent, { ...unsent })!.is_unsent).toBe(true);
    expect(merge(unsent, a)!.is_unsent).toBeFalsy();
    expect(merge(a, unsent)!.is_unsent).toBeFalsy();
    expect(merge(unsent, chosen({ seq: 6 }))!.is_unsent).toBeUndefined();
    expect(merge(a, { ...unsent, seq: 6 })!.is_unsent).toBe(true);
  });
});

describe("everything answered alike", () => {
  test("a refusal is newer than what was, says that it is unsent, and leaves nothing granted", () => {
    const earlier = chosen({ granted: ["partner:gone", "partner:line"], seq: NOW * 1000 + 700 });
    expect(answerAll(config, earlier, false, true, NOW + 0.5)).toEqual({
      granted: [],
      refused: expect.arrayContaining([...askedIds(config), "partner:gone"]),
      decided_at: NOW,
      notice: 3,
      with_signal: true,
      seq: NOW * 1000 + 701,
      is_unsent: true,
    });
    expect(answerAll(config, null, false, false, NOW).refused).toEqual(askedIds(config));
  });

  test("a grant covers what is asked, and nothing that was refused besides", () => {
    const earlier = chosen({ refused: ["partner:gone", "partner:line"], seq: NOW * 1000 + 700 });
    expect(answerAll(config, earlier, true, true, NOW + 0.5)).toEqual({
      granted: askedIds(config),
      refused: ["partner:gone"],
      decided_at: NOW,
      notice: 3,
      with_signal: true,
      seq: NOW * 1000 + 701,
      is_unsent: true,
    });
  });
});
