import { describe, expect, test, vi } from "vitest";
import {
  all,
  bar,
  fakeTime,
  labels,
  load,
  manager,
  note,
  press,
  rest,
  scripts,
  sent,
  store,
  without,
} from "./page.ts";
import { meaningMore, settle } from "./site.ts";

describe("asked again", () => {
  test("a new partner: says so, and asks for nothing else", async () => {
    const refused = ["purpose:functional", "partner:youtube"];
    store({ granted: without("partner:line", ...refused), refused });
    await load();
    expect(note()).toBe("ja changed_lead {partner}{names} ja changed_new {partner}line Inc.");
    expect(labels()[1]).toContain("ja refuse_changed");
    press(0);
    await rest();
    expect(sent("/v1/consents")).toMatchObject([
      { method: "choose", surface: "bar", partners: { line: true }, purposes: {}, data_items: {} },
    ]);
    expect(bar()).toBeNull();
    const { choices } = manager.get();
    expect(choices!.granted.sort()).toEqual(without(...refused).sort());
    expect(choices!.refused.sort()).toEqual([...refused].sort());
  });

  test("its refusal leaves what was granted and what was refused as they were", async () => {
    const refused = ["purpose:functional", "partner:youtube"];
    store({ granted: without("partner:line", ...refused), refused });
    await load();
    press(1);
    await rest();
    expect(sent("/v1/consents")).toMatchObject([
      { method: "choose", partners: { line: false }, purposes: {}, data_items: {} },
    ]);
    expect(bar()).toBeNull();
    expect(manager.why("ads").reason).toBe("granted");
    expect(manager.why("more_ads").reason).toBe("partner_refused");
    expect(manager.get().choices!.refused.sort()).toEqual(
      ["partner:line", ...refused].sort(),
    );
    expect(manager.get().choices!.granted.sort()).toEqual(
      without("partner:line", ...refused).sort(),
    );
  });

  test("what means more: names it, and an answer freshens it alone", async () => {
    store({ granted: all, notice: 2 });
    await load(meaningMore("purpose:advertising"));
    expect(note()).toContain("ja changed_more {partner}advertising name");
    expect(manager.why("ads").reason).toBe("needs_renewal");
    press(0);
    await rest();
    expect(sent("/v1/consents")).toMatchObject([
      { method: "choose", purposes: { advertising: true }, partners: {} },
    ]);
    expect(manager.why("ads").reason).toBe("granted");
  });

  test("after a long time: everything, with the first question's buttons", async () => {
    store({ refused: all, decided_at: Math.floor(Date.now() / 1000) - 181 * 86400 });
    await load();
    expect(note()).toContain("ja expired_lead");
    expect(labels()[1]).toContain("ja refuse ");
    press(0);
    await rest();
    expect(sent("/v1/consents")).toMatchObject([{ method: "allow" }]);
    expect(manager.why("ads").reason).toBe("granted");
  });

  test("without the service the question alone, after a second: both answers are for all", async () => {
    scripts.isAway = true;
    scripts.kept = ["act"];
    fakeTime();
    store({ granted: without("partner:line") });
    await load();
    await vi.advanceTimersByTimeAsync(1000);
    await settle();
    expect(note()).toBeUndefined();
    expect(labels()[1]).toContain("ja refuse ");
  });

  test("the service that does not answer keeps the question back for a second only", async () => {
    fakeTime();
    vi.stubGlobal("fetch", () => new Promise(() => {}));
    store({ granted: without("partner:line") });
    await load();
    expect(bar()).toBeNull();
    await vi.advanceTimersByTimeAsync(1000);
    expect(bar()).not.toBeNull();
  });
});
