// What a decision makes of the earlier one, what is asked again, and what is said about that.

import { describe, expect, test } from "vitest";
import { applyDecision, fromMaps, idsToAsk, toMaps } from "../../static/src/core/apply.ts";
import { changes } from "../../static/src/core/changes.ts";
import { askedIds } from "../../static/src/core/state.ts";
import type { ChoiceId, Choices } from "../../static/src/core/types.ts";
import { chosen, meaningMore, site } from "./site.ts";

const config = site();
const NOW = 1_795_330_800;
const DAY = 86400;
const all = askedIds(config);
const without = (...ids: ChoiceId[]) => all.filter((id) => !ids.includes(id));
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

describe("what is asked again", () => {
  const decided = (granted: ChoiceId[], refused: ChoiceId[] = [], more: Partial<Choices> = {}) =>
    chosen({ granted, refused, decided_at: NOW, ...more });
  const asked = (choices: Choices | null, now = NOW, settings = config) =>
    idsToAsk(settings, choices, now).sort();

  test("on the first visit everything", () => {
    expect(asked(null)).toEqual([...all].sort());
  });

  test("nothing while everything is answered", () => {
    expect(asked(decided(all))).toEqual([]);
    expect(asked(decided([], all))).toEqual([]);
    expect(asked(decided(without("purpose:functional"), ["purpose:functional"]))).toEqual([]);
  });

  test("of a new partner only what was never answered", () => {
    expect(asked(decided(without("partner:line")))).toEqual(["partner:line"]);
    expect(asked(decided(without("partner:youtube", "purpose:functional")))).toEqual([
      "partner:youtube",
      "purpose:functional",
    ]);
  });

  test("not for a partner whose purpose is refused, nor for what a tag would merely like", () => {
    const granted = without("partner:youtube", "purpose:functional");
    expect(asked(decided(granted, ["purpose:functional"]))).toEqual([]);
    expect(asked(decided(without("item:attr.gender")))).toEqual([]);
  });

  test("of what means more since then only that", () => {
    const more = site(meaningMore("purpose:advertising"));
    expect(asked(decided(all, [], { notice: 2 }), NOW, more)).toEqual(["purpose:advertising"]);
    expect(asked(decided(all, [], { notice: 3 }), NOW, more)).toEqual([]);
    // A refusal needs no new answer.
    const refused = ["purpose:advertising"];
    expect(asked(decided(without(...refused), refused, { notice: 2 }), NOW, more)).toEqual([]);
  });

  test.each([
    ["grants that expired", decided(all), 365],
    ["a new partner beside grants that expired", decided(without("partner:line")), 365],
    ["an old refusal of everything", decided([], all), 180],
    ["an old refusal of one", decided(without("partner:line"), ["partner:line"]), 180],
  ])("%s: everything", (_, choices, days) => {
    expect(asked(choices, NOW + days * DAY)).toEqual([...all].sort());
    expect(asked(choices, NOW + days * DAY - 1)).not.toEqual([...all].sort());
  });
});

describe("what is said when it is asked again", () => {
  const wording = {
    changed_lead: "Something changed.",
    changed_new: "New: {names}.",
    changed_more: "More for: {names}.",
    expired_lead: "It is long ago.",
  };
  const said = (choices: Choices, ids: ChoiceId[], settings = config) =>
    changes(settings, choices, ids, wording, (some) => some.join(" and "));
  const more = site(meaningMore("purpose:advertising"));

  test("who is new", () => {
    const choices = chosen({ granted: without("partner:line", "partner:youtube") });
    expect(said(choices, ["partner:line", "partner:youtube"])).toEqual([
      "Something changed.",
      "New: partner:line and partner:youtube.",
    ]);
  });

  test("what means more, and both", () => {
    const choices = chosen({ granted: without("partner:line"), notice: 2 });
    expect(said(choices, ["purpose:advertising"], more)).toEqual([
      "Something changed.",
      "More for: purpose:advertising.",
    ]);
    expect(said(choices, ["purpose:advertising", "partner:line"], more)).toEqual([
      "Something changed.",
      "New: partner:line.",
      "More for: purpose:advertising.",
    ]);
  });

  test("what is new is said once, although it means nothing older", () => {
    const choices = chosen({ granted: without("partner:line"), notice: 2 });
    expect(said(choices, ["partner:line"], site(meaningMore("partner:line")))).toEqual([
      "Something changed.",
      "New: partner:line.",
    ]);
  });

  test("only that it is long ago, where nothing changed", () => {
    expect(said(chosen({ granted: all }), all)).toEqual(["It is long ago."]);
  });

  test("what a refusal left out counts as answered", () => {
    expect(said(chosen({ refused: all }), all)).toEqual(["It is long ago."]);
  });

  test("sentences that the wording does not have are left out", () => {
    const choices = chosen({ granted: without("partner:line") });
    const one = { changed_new: "New: {names}." };
    expect(changes(config, choices, ["partner:line"], one, String)).toEqual(["New: partner:line."]);
  });
});
