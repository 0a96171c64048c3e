// What a decision makes of the earlier one.

import { describe, expect, test } from "vitest";
import { applyDecision, fromMaps, toMaps } from "../../static/src/core/apply.ts";
import { askedIds } from "../../static/src/core/state.ts";
import { chosen, meaningMore, site } from "./site.ts";

const config = site();
const NOW = 1_795_330_800;
const all = askedIds(config);
const refuseAll = new Map(all.map((id) => [id, false]));

describe("a decision", () => {
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
      false,
      NOW,
    );
    expect(next.granted.sort()).toEqual(["partner:google", "purpose:analytics"]);
    expect(next.refused).toEqual(["partner:criteo"]);
    expect(next.seq).toBeGreaterThan(earlier.seq);
    // Until the service says otherwise.
    expect(next.is_unsent).toBe(true);
  });

  test("a refusal leaves nothing granted, not even what is not asked any more", () => {
    const earlier = chosen({ granted: ["partner:gone", "purpose:analytics"] });
    const next = applyDecision(config, earlier, "refuse", refuseAll, false, NOW);
    expect(next.granted).toEqual([]);
    expect(next.refused).toContain("partner:gone");
  });

  test("a new decision does not freshen an expired or changed grant", () => {
    const answers = new Map([["partner:youtube", true]]);
    const old = chosen({ granted: ["purpose:analytics"], decided_at: NOW - 366 * 86400 });
    expect(applyDecision(config, old, "choose", answers, false, NOW).granted).toEqual([
      "partner:youtube",
    ]);
    const changed = site(meaningMore("purpose:analytics"));
    const before = chosen({
      granted: ["purpose:analytics", "partner:google"],
      notice: 2,
      decided_at: NOW - 9,
    });
    expect(applyDecision(changed, before, "choose", answers, false, NOW).granted).toEqual([
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
    const next = applyDecision(config, earlier, "choose", answers, true, NOW);
    expect(next.with_signal).toBe(true);
    expect(next.granted).toEqual(["purpose:analytics", "partner:youtube"]);
  });

  test("seq never falls behind the clock or the past", () => {
    const seq = (earlier: number) =>
      applyDecision(config, chosen({ seq: earlier }), "refuse", new Map(), false, NOW).seq;
    expect(seq(1)).toBe(NOW * 1000);
    expect(seq(NOW * 1000 + 50)).toBe(NOW * 1000 + 51);
  });
});
