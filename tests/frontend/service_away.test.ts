import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  ADS,
  all,
  answers,
  bar,
  corner,
  fakeTime,
  flags,
  labels,
  LINK,
  load,
  manager,
  methods,
  nextPage,
  note,
  openSettings,
  OWN,
  pass,
  pixel,
  posts,
  press,
  scripts,
  sent,
  store,
  without,
} from "./page.ts";
import { chosen, entry, putInDatabase, settle, watchReload } from "./site.ts";

describe("while the service's scripts cannot be loaded", () => {
  beforeEach(() => {
    scripts.isAway = true;
    fakeTime();
    vi.spyOn(Math, "random").mockReturnValue(0);
  });

  test("what was granted opens all the same", async () => {
    store({ granted: all });
    document.body.innerHTML = OWN;
    await load();
    expect(pixel()).not.toBeNull();
    scripts.isAway = false;
    await pass(4000);
    expect(scripts.fetched.slice(0, 2)).toEqual(["act", "act"]);
    expect(pixel()).not.toBeNull();
  });

  test("what the database knows to be refused stays shut, before and after", async () => {
    store({ granted: all });
    await putInDatabase(entry(6, "refuse", true, chosen({ refused: all, seq: 6 })));
    document.body.innerHTML = OWN;
    await load();
    expect(pixel()).toBeNull();
    scripts.isAway = false;
    await pass(4000);
    expect(manager.why("own")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(pixel()).toBeNull();
  });

  test("where the database knows a newer answer, what may open waits for them", async () => {
    store({ granted: [] });
    await putInDatabase(entry(6, "allow", false, chosen({ granted: all, seq: 6 })));
    document.cookie = "cm_shown=3;Path=/";
    document.body.innerHTML = OWN;
    await load();
    expect(manager.why("own").allowed).toBe(true);
    expect(pixel()).toBeNull();
    scripts.isAway = false;
    await pass(4000);
    expect(pixel()).not.toBeNull();
  });

  test("what was refused in another tab meanwhile closes once they can be", async () => {
    store({ granted: all });
    document.body.innerHTML = OWN;
    await load();
    expect(pixel()).not.toBeNull();
    store({ refused: all, seq: 99 });
    scripts.isAway = false;
    await pass(4000);
    expect(manager.why("own")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(pixel()).toBeNull();
  });

  test("refuse shuts at once, and the question goes away", async () => {
    document.cookie = "cm_shown=3;Path=/";
    document.body.innerHTML = OWN;
    await load();
    expect(manager.why("own")).toMatchObject({ allowed: true, reason: "notice_given" });
    expect(pixel()).not.toBeNull();
    press(1);
    expect(manager.why("own")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(flags()).toBe("2");
    expect([pixel(), bar()]).toEqual([null, null]);
    await pass(1000);
    expect(bar()).toBeNull();
  });

  test("the refusal is recorded once the script can be had, and only once", async () => {
    await load();
    press(1);
    await pass(1000);
    expect(sent("/v1/consents")).toEqual([]);
    scripts.isAway = false;
    await pass(4000);
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "bar" }]);
    expect(flags()).toBe("0");
    expect(manager.why("ads").reason).toBe("partner_refused");
    await pass(60_000);
    expect(sent("/v1/consents")).toHaveLength(1);
    nextPage();
    await load();
    expect(sent("/v1/consents")).toHaveLength(1);
  });

  test.each([
    ["nothing had been decided", null],
    ["everything had been granted", { granted: all }],
  ])("the refusal is recorded by a later page that can, once (%s)", async (_, before) => {
    if (before) store(before);
    document.body.innerHTML = LINK;
    await load();
    if (before) await openSettings();
    press(1);
    await pass(1000);
    posts.length = 0;
    const allowed: string[] = [];
    document.addEventListener("cm:tag", (event) => {
      const { tag, allowed: isAllowed } = (event as CustomEvent).detail;
      if (isAllowed) allowed.push(tag);
    });

    // Neither asked nor granted where it still cannot be recorded.
    nextPage();
    document.body.innerHTML = OWN;
    await load();
    await pass(1000);
    expect(manager.why("own")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect([bar(), posts, flags()]).toEqual([null, [], "2"]);

    nextPage();
    document.body.innerHTML = OWN;
    scripts.isAway = false;
    const opened = new MutationObserver(() => pixel() && allowed.push("pixel"));
    opened.observe(document, { childList: true, subtree: true });
    await load();
    await pass(4000);
    expect(posts.map((one) => one.path)).toEqual(["/v1/shown", "/v1/consents"]);
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "bar" }]);
    expect(flags()).toBe("0");
    expect(bar()).toBeNull();
    expect(allowed).toEqual([]);

    nextPage();
    await load();
    await pass(4000);
    expect(sent("/v1/consents")).toHaveLength(1);
    expect(bar()).toBeNull();
  });

  test("allow opens at once, and is recorded once they can be, once", async () => {
    document.body.innerHTML = OWN;
    await load();
    press(0);
    expect(pixel()).not.toBeNull();
    expect(bar()).toBeNull();
    await pass(1000);
    expect(manager.why("ads").reason).toBe("granted");
    expect([flags(), sent("/v1/consents")]).toEqual(["2", []]);
    scripts.isAway = false;
    await pass(4000);
    expect(sent("/v1/consents")).toMatchObject([{ method: "allow" }]);
    expect(flags()).toBe("0");
    expect(manager.why("ads").reason).toBe("granted");
    await pass(60_000);
    expect(sent("/v1/consents")).toHaveLength(1);
  });

  test("what ran is closed by a refusal in the settings, and the page loaded again", async () => {
    const reload = watchReload();
    store({ granted: all });
    document.body.innerHTML = LINK + OWN + ADS;
    await load();
    const ran = () => document.querySelector("body > script");
    expect([pixel(), ran()]).not.toContain(null);
    await openSettings();
    expect(note()).toContain("ja offline_note");
    press(1);
    expect([pixel(), ran(), bar()]).toEqual([null, null, null]);
    await pass(1000);
    expect(reload).not.toHaveBeenCalled();
    await pass(100);
    expect(reload).toHaveBeenCalledOnce();
    nextPage();
    document.body.innerHTML = OWN + ADS;
    await load();
    await pass(1000);
    expect([pixel(), ran(), bar()]).toEqual([null, null, null]);
  });

  test.each([
    ["no script has run", 1, OWN],
    ["only what is strictly necessary has run", 1, OWN + ADS.replace("ads", "cart")],
    ["it was an allowance", 0, OWN + ADS],
  ])("the page is not loaded again where %s", async (_, answer, markup) => {
    const reload = watchReload();
    store({ granted: all });
    document.body.innerHTML = LINK + markup;
    await load();
    await openSettings();
    press(answer);
    await pass(3000);
    expect(reload).not.toHaveBeenCalled();
  });

  test("who granted everything can still refuse, by the settings", async () => {
    store({ granted: all });
    document.body.innerHTML = LINK;
    await load();
    expect(bar()).toBeNull();
    await openSettings();
    expect(note()).toContain("ja offline_note");
    press(1);
    expect(manager.why("own").reason).toBe("partner_refused");
    expect(bar()).toBeNull();
    await pass(1000);
    // What was answered is not asked again, however long the service stays away.
    await pass(8000);
    expect(bar()).toBeNull();
    scripts.isAway = false;
    await pass(4000);
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse" }]);
  });

  test("what waited before is sent as well, and neither comes before what is kept", async () => {
    const heard = methods();
    store({ granted: all, seq: 5 });
    await putInDatabase(entry(4));
    document.body.innerHTML = LINK;
    await load();
    await openSettings();
    press(1);
    await settle();
    scripts.isAway = false;
    await pass(4000);
    await pass(200);
    expect(heard).toEqual(["refuse"]);
    expect(sent("/v1/consents").filter((one) => one.is_history)).toHaveLength(1);
    expect(sent("/v1/consents").filter((one) => !one.is_history)).toHaveLength(1);
  });

  test("and so on a site that wants a link only", async () => {
    await load({ presentation: "link" });
    expect(bar()).toBeNull();
    await manager.show();
    expect(note()).toContain("ja offline_note");
    expect(labels()).toHaveLength(3);
  });

  test("a page's own refusal refuses everything; its grant is an error", async () => {
    store({ granted: all });
    await load();
    await expect(manager.set({ partners: { criteo: true } })).rejects.toBeDefined();
    const done = manager.set({ partners: { criteo: false } });
    await settle();
    expect(flags()).toBe("2");
    expect(manager.why("own").reason).toBe("partner_refused");
    scripts.isAway = false;
    await pass(4000);
    await pass(200);
    expect(await done).toEqual({ recorded: true, ignored: [] });
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "api" }]);
  });

  test("a placeholder keeps its room and says nothing", async () => {
    const video = `<iframe width="480" height="270"></iframe>`;
    document.body.innerHTML = `<template data-cm-tag="video">${video}</template>`;
    await load();
    const place = document.querySelector<HTMLElement>(".cm-placeholder")!;
    expect([place.style.width, place.style.minHeight]).toEqual(["480px", "270px"]);
    expect(place.shadowRoot).toBeNull();
  });

  test("they are asked for ever more rarely, at most once a minute", async () => {
    store({ granted: all });
    await load();
    const seconds = [0];
    for (let second = 1; second <= 240; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      await settle(1);
      while (seconds.length < scripts.fetched.length) seconds.push(second);
    }
    expect(seconds).toEqual([0, 4, 12, 28, 60, 120, 180, 240]);
  });

  test("what stops by being told is not loaded again", async () => {
    const reload = watchReload();
    vi.stubGlobal("CM_SIGNALS", { hear: () => ["ads"] });
    store({ granted: all });
    document.body.innerHTML = LINK + ADS;
    await load();
    await openSettings();
    press(1);
    await pass(3000);
    expect(reload).not.toHaveBeenCalled();
  });

  test("an answer does not wait longer than they do, once they can be had", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    store({ granted: all });
    document.body.innerHTML = LINK + OWN;
    await load();
    await pass(3000);
    await openSettings();
    const heard = methods();
    press(1);
    await pass(2000);
    scripts.isAway = false;
    await pass(1500);
    expect(heard).toEqual(["refuse"]);
  });
});

describe("while only what decides and sends can be loaded", () => {
  beforeEach(() => {
    scripts.isAway = true;
    scripts.kept = ["act", "send"];
    fakeTime();
    vi.spyOn(Math, "random").mockReturnValue(0);
  });

  test("refuse closes what runs at once, and the question goes away", async () => {
    store({ granted: without("partner:line") });
    document.body.innerHTML = OWN;
    await load();
    await pass(1000);
    expect(pixel()).not.toBeNull();
    press(1);
    expect(manager.why("own")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(pixel()).toBeNull();
    await pass(1000);
    expect(bar()).toBeNull();
    expect(corner().hidden).toBe(false);
  });

  test("refuse closes what notice had opened, too", async () => {
    document.cookie = "cm_shown=3;Path=/";
    document.body.innerHTML = OWN;
    await load();
    expect(pixel()).not.toBeNull();
    press(1);
    expect(pixel()).toBeNull();
    await pass(1000);
    expect(bar()).toBeNull();
  });

  test("who granted everything can still refuse, by the settings", async () => {
    store({ granted: all });
    document.body.innerHTML = OWN;
    await load();
    corner().click();
    await pass(0);
    expect(note()).toContain("ja offline_note");
    expect(pixel()).not.toBeNull();
    press(1);
    expect(pixel()).toBeNull();
    await pass(1000);
    expect(bar()).toBeNull();
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse" }]);
  });

  test("a page's own refusal closes what runs, too", async () => {
    store({ granted: all });
    document.body.innerHTML = OWN;
    await load();
    expect(pixel()).not.toBeNull();
    const done = manager.set({ partners: { criteo: false } });
    await pass(1000);
    expect(pixel()).toBeNull();
    expect(await done).toEqual({ recorded: true, ignored: [] });
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "api" }]);
  });

  test("what ran is loaded again once, what waited before is sent as well", async () => {
    const heard = methods();
    const reload = watchReload();
    store({ granted: all, seq: 5 });
    await putInDatabase(entry(4));
    delete answers["/v1/consents"];
    document.body.innerHTML = ADS;
    await load();
    posts.length = 0;
    corner().click();
    await pass(0);
    press(1);
    await pass(500);
    expect(heard).toEqual(["refuse"]);
    expect(reload).toHaveBeenCalledOnce();
    answers["/v1/consents"] = {};
    posts.length = 0;
    await pass(5000);
    expect(sent("/v1/consents").filter((one) => one.is_history)).toHaveLength(1);
    expect(sent("/v1/consents").filter((one) => !one.is_history)).toMatchObject([
      { method: "refuse", surface: "bar" },
    ]);
    expect(reload).toHaveBeenCalledOnce();
  });
});
