import { describe, expect, test, vi } from "vitest";
import {
  all,
  answers,
  bar,
  corner,
  dialog,
  fakeTime,
  flags,
  focus,
  gesture,
  idle,
  load,
  manager,
  methods,
  note,
  OWN,
  pass,
  pixel,
  press,
  rest,
  root,
  scripts,
  sent,
  store,
  toast,
  visit,
} from "./page.ts";
import { settle } from "./site.ts";

describe("a press on the first layer", () => {
  test("refuse: closes, says so, leads the keyboard to the settings", async () => {
    await load();
    focus(1);
    press(1);
    await rest();
    expect(bar()).toBeNull();
    expect(manager.why("ads")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "bar" }]);
    expect(toast()).toContain("ja saved");
    expect(root().activeElement!.className).toBe("cm-corner");
  });

  test("an answer by keyboard leads to the settings, however late that button comes", async () => {
    await visit();
    focus(1);
    press(1);
    expect([bar(), corner()]).toEqual([null, null]);
    await settle(110);
    await rest();
    expect(root().activeElement).toBe(corner());
  });

  test("the keyboard stays where it is, where the answer did not come from it", async () => {
    document.body.innerHTML = `<input id="field">`;
    await visit();
    document.querySelector<HTMLElement>("#field")!.focus();
    press(1);
    await settle(110);
    await rest();
    expect(corner().hidden).toBe(false);
    expect(document.activeElement!.id).toBe("field");
  });

  test("refuse works even when no person pressed; allow does not", async () => {
    gesture.isMeant = false;
    await load();
    press(0);
    await rest();
    expect(sent("/v1/consents")).toEqual([]);
    press(1);
    await rest();
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse" }]);
  });

  test("allow opens the tags, in the same task and before anything else is asked for", async () => {
    fakeTime();
    document.body.innerHTML = OWN;
    await visit();
    const heard = methods();
    press(0);
    expect(pixel()).not.toBeNull();
    expect(bar()).toBeNull();
    expect(flags()).toBe("2");
    // What was allowed goes first.
    await vi.advanceTimersByTimeAsync(99);
    expect([scripts.fetched, heard]).toEqual([[], []]);
    await vi.advanceTimersByTimeAsync(1);
    expect(scripts.fetched).toEqual(["act"]);
    await pass(0);
    expect(heard).toEqual(["allow"]);
    expect(manager.why("ads").reason).toBe("granted");
    expect(sent("/v1/consents")).toMatchObject([{ method: "allow", surface: "bar" }]);
  });

  test("where the rest is there already, it follows without a wait", async () => {
    fakeTime();
    await load();
    const heard = methods();
    press(0);
    await settle(1);
    expect(heard).toEqual(["allow"]);
    expect(bar()).toBeNull();
  });

  test("the other tabs hear of it when the frame is out", async () => {
    fakeTime();
    await visit();
    press(1);
    await vi.advanceTimersByTimeAsync(39);
    expect(localStorage.getItem("cm_choices")).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(document.cookie).toContain(`cm_choices=${localStorage.getItem("cm_choices")}`);
  });

  test("allow that cannot be stored opens nothing until it is recorded, and asks nothing", async () => {
    const set = vi.spyOn(document, "cookie", "set").mockImplementation(() => {});
    const service = fetch;
    let answer = () => {};
    const answered = new Promise<void>((done) => (answer = done));
    vi.stubGlobal("fetch", async (...call: Parameters<typeof fetch>) => {
      if (`${call[0]}`.endsWith("/v1/consents")) await answered;
      return service(...call);
    });
    document.body.innerHTML = OWN;
    await visit();
    press(0);
    expect(pixel()).toBeNull();
    await idle();
    dispatchEvent(new Event("scroll"));
    await idle();
    expect(set).toHaveBeenCalled();
    expect(scripts.fetched).toEqual(["act", "send"]);
    expect([pixel(), bar()]).toEqual([null, null]);
    answer();
    await rest();
    expect(sent("/v1/consents")).toMatchObject([{ method: "allow" }]);
    expect(pixel()).not.toBeNull();
    expect(bar()).toBeNull();
  });

  test("what was recorded while the service does not answer is said to be sent later", async () => {
    await load();
    delete answers["/v1/consents"];
    press(1);
    await rest();
    expect(bar()).toBeNull();
    expect(toast()).toContain("ja offline_note");
  });

  test("what is said goes away by itself, and stays away", async () => {
    await load();
    fakeTime();
    press(1);
    await settle();
    expect(toast()).toContain("ja saved");
    await vi.advanceTimersByTimeAsync(8000);
    expect(toast()).toBe("");
    await settle();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(toast()).toBe("");
  });

  test("choose opens the preferences, which need nothing else, and once", async () => {
    await visit();
    press(2);
    press(2);
    await rest();
    expect(scripts.fetched).toEqual(["preferences"]);
    expect(root().querySelectorAll(".cm-dialog")).toHaveLength(1);
    expect(bar()).not.toBeNull();
  });

  test("choose opens the preferences over a modal first layer, too", async () => {
    await load({ presentation: "dialog" });
    press(2);
    await rest();
    expect(dialog()).not.toBeNull();
    expect(bar()).not.toBeNull();
  });

  test("a choice in the preferences answers the first layer, too", async () => {
    await load();
    focus(2);
    press(2);
    await rest();
    dialog()!.querySelectorAll<HTMLElement>(".cm-actions button")[0]!.click();
    await rest();
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "preferences" }]);
    expect(dialog()).toBeNull();
    expect(bar()).toBeNull();
    expect(root().activeElement).toBe(corner());
  });

  test("choose without the service: the first layer stays and can refuse", async () => {
    await load();
    scripts.isAway = true;
    press(2);
    await rest();
    expect(note()).toContain("ja offline_note");
    press(1);
    await rest();
    expect(manager.why("ads").reason).toBe("partner_refused");
    expect(bar()).toBeNull();
  });

  test("the preferences, but no words from the service: the first layer can refuse", async () => {
    store({ granted: all });
    await load();
    delete answers["/v1/bootstrap"];
    corner().click();
    await rest();
    expect(note()).toContain("ja offline_note");
    press(1);
    await rest();
    expect(manager.why("ads").reason).toBe("partner_refused");
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse" }]);
  });

  test("reaches the dataLayer once, however late the rest comes", async () => {
    const dataLayer: unknown[] = [];
    vi.stubGlobal("dataLayer", dataLayer);
    fakeTime();
    vi.spyOn(Math, "random").mockReturnValue(0);
    document.cookie = "cm_shown=3;Path=/";
    scripts.isAway = true;
    await visit();
    await pass(100);
    press(1);
    await pass(1000);
    scripts.isAway = false;
    await pass(20_000);
    expect(dataLayer).toHaveLength(1);
  });

  test("leaves the focus where the visitor has put it meanwhile", async () => {
    document.body.innerHTML = `<input id="field">`;
    await visit();
    focus(1);
    press(1);
    document.querySelector<HTMLElement>("#field")!.focus();
    await settle(110);
    await rest();
    expect(document.activeElement!.id).toBe("field");
  });
});
