import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { decide } from "../../static/src/core/decide.ts";
import type { Answered, Notice, Regime, Signals } from "../../static/src/core/types.ts";
import vectors from "../vectors/decide.json";

interface Case {
  name: string;
  tag: string;
  notice: keyof typeof vectors.notices;
  regime: keyof typeof vectors.regimes;
  choices: Answered | null;
  signals: Signals;
  shown_notice: number | null;
  overdue: string[];
  now: number;
  expected: unknown;
}

const notices = vectors.notices as unknown as Record<string, Notice>;
const regimes = vectors.regimes as unknown as Record<string, Regime>;

describe("decide", () => {
  test.each(vectors.cases as unknown as Case[])("$name", (one) => {
    const found = decide(
      one.tag,
      notices[one.notice]!,
      regimes[one.regime]!,
      one.choices,
      one.signals,
      one.shown_notice,
      one.overdue,
      one.now,
    );
    expect(found).toEqual(one.expected);
  });

  test("there are enough cases, each with its own name", () => {
    expect(vectors.cases.length).toBeGreaterThanOrEqual(240);
    expect(new Set(vectors.cases.map((one) => one.name)).size).toBe(vectors.cases.length);
  });

  test("the file is what its generator writes", () => {
    execFileSync(process.execPath, ["tests/vectors/make_decide.mjs", "--check"]);
  });
});
