import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { decide } from "../../static/src/core/decide.ts";
import type { Answered, PageTag } from "../../static/src/core/types.ts";
import vectors from "../vectors/decide.json";

interface Case {
  name: string;
  regime: keyof typeof vectors.regimes;
  choices: Answered | null;
  signals: { gpc: boolean };
  shown_notice: number | null;
  now: number;
  /** What the service makes of tag, notice, regime and quarantine. */
  page_tag: PageTag | null;
  expected: unknown;
}

describe("decide", () => {
  test.each(vectors.cases as unknown as Case[])("$name", (one) => {
    const { signal, renew_days } = vectors.regimes[one.regime];
    const found = decide(
      one.page_tag ?? undefined,
      { outlives: signal.grant_outlives, renew_days },
      one.choices,
      one.signals.gpc,
      one.shown_notice,
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
