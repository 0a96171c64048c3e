// When a visitor is asked, about what, and what is said about being asked again.

import { describe, expect, test } from "vitest";
import { idsToAsk, isAsking } from "../../static/src/core/asking.ts";
import { changes } from "../../static/src/core/changes.ts";
import { askedIds } from "../../static/src/core/state.ts";
import type { ChoiceId, Choices } from "../../static/src/core/types.ts";
import { chosen, meaningMore, site } from "./site.ts";

const config = site();
const NOW = 1_795_330_800;
const DAY = 86400;
const all = askedIds(config);
const without = (...ids: ChoiceId[]) => all.filter((id) => !ids.includes(id));

describe("when to ask", () => {
  const everything = chosen({ granted: all, decided_at: NOW });

  test("asked is what the tags that are not exempt need or would like", () => {
    expect(all).not.toContain("purpose:necessary");
    expect(all).toContain("item:attr.gender");
    expect(new Set(all).size).toBe(all.length);
  });

  test.each([
    ["never decided", null, NOW, true],
    ["everything granted", everything, NOW, false],
    ["grants expired", everything, NOW + 365 * DAY, true],
    ["everything refused", { ...everything, granted: [], refused: all }, NOW, false],
    ["refused long ago", { ...everything, granted: [], refused: all }, NOW + 180 * DAY, true],
    [
      "one partner new",
      { ...everything, granted: everything.granted.filter((id) => id !== "partner:line") },
      NOW,
      true,
    ],
    ["one partner refused", { ...everything, refused: ["partner:line"] }, NOW, false],
  ])("%s", (_, choices, now, expected) => {
    expect(isAsking(config, choices, now)).toBe(expected);
  });

  test("a site with exempt tags only asks nothing", () => {
    const only = site({ tags: { cart: config.tags.cart! } });
    expect(isAsking(only, null, NOW)).toBe(false);
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
