import { beforeEach, describe, expect, test, vi } from "vitest";
import {
  all,
  bar,
  CART,
  corner,
  fakeTime,
  flags,
  load,
  manager,
  nextPage,
  OWN,
  pass,
  pixel,
  posts,
  press,
  scripts,
  sent,
  store,
  visit,
} from "./page.ts";
import { chosen, entry, putInDatabase, settle } from "./site.ts";

/** Each time that the tag opens: what had been fetched by then. */
function openings(): string[][] {
  const seen: string[][] = [];
  const opened = new MutationObserver((records) => {
    const added = records.flatMap((record) => [...record.addedNodes]);
    if (added.some((node) => (node as Element).id === "pixel")) seen.push([...scripts.fetched]);
  });
  opened.observe(document.body, { childList: true });
  return seen;
}
const FRAME = `<template data-cm-tag="video"><iframe></iframe></template>`;
/** Until scripts that were asked for have run; the clock stands still. */
const came = async () => {
  await scripts.rest();
  return scripts.fetched;
};
beforeEach(fakeTime);

describe("the rest begins for a new visitor", () => {
  test("at a scroll, and nothing is fetched before", async () => {
    document.body.innerHTML = OWN;
    await visit();
    await pass(4900);
    expect([scripts.fetched, posts, await indexedDB.databases()]).toEqual([[], [], []]);
    expect(corner()).toBeNull();
    for (let i = 0; i < 2; i++) document.dispatchEvent(new Event("scroll", { bubbles: true }));
    expect(await came()).toEqual(["act"]);
    expect(corner()).not.toBeNull();
    expect(pixel()).toBeNull();
  });

  test("not at a pointer or the keyboard's focus, on the page or on the question", async () => {
    await visit();
    for (const target of [document.body, bar()!, bar()!.querySelector("button")!]) {
      for (const sign of ["pointerover", "pointermove", "pointerdown", "focusin", "keydown"]) {
        target.dispatchEvent(new Event(sign, { bubbles: true, composed: true }));
      }
    }
    expect(await came()).toEqual([]);
  });

  test("after 5 s without one", async () => {
    await visit();
    await pass(4999);
    expect(scripts.fetched).toEqual([]);
    await pass(1);
    expect(scripts.fetched).toEqual(["act"]);
  });

  test("when the page asks for it", async () => {
    await visit();
    expect(await came()).toEqual([]);
    await manager.ready();
    expect(scripts.fetched).toEqual(["act"]);
  });

  test("100 ms after an answer, which is recorded", async () => {
    document.body.innerHTML = OWN;
    await visit();
    press(0);
    await pass(99);
    expect(scripts.fetched).toEqual([]);
    await pass(1);
    await pass(100);
    expect(scripts.fetched).toEqual(["act", "send"]);
    expect(sent("/v1/consents")).toMatchObject([{ method: "allow", surface: "bar" }]);
    expect(pixel()).not.toBeNull();
    expect(bar()).toBeNull();
  });
});

describe("what is strictly necessary runs without anything being fetched", () => {
  const RUNS = `<template data-cm-tag="cart"><script id="ran">void 0</script></template>`;
  /** Put on the page by us: a browser runs it then. */
  const ran = () => document.querySelector("#ran");

  test.each([
    ["where it is on the page", false],
    ["while the service is away", true],
  ])("%s", async (_, isAway) => {
    scripts.isAway = isAway;
    document.body.innerHTML = CART + RUNS + OWN.replace("pixel", "own");
    await visit();
    expect(await came()).toEqual([]);
    expect(pixel()).not.toBeNull();
    expect(ran()).not.toBeNull();
    expect(document.querySelector("#own")).toBeNull();
  });

  test("where it comes later", async () => {
    await visit();
    document.body.insertAdjacentHTML("beforeend", CART + RUNS);
    await settle();
    expect(await came()).toEqual([]);
    expect(pixel()).not.toBeNull();
    expect(ran()).not.toBeNull();
  });
});

describe("what may open is opened first, and the rest begins then", () => {
  test("as soon as the database agrees", async () => {
    store({ granted: all });
    document.body.innerHTML = OWN;
    const seen = openings();
    await visit();
    expect(await came()).toEqual(["act"]);
    expect(seen).toEqual([[]]);
    expect(pixel()).not.toBeNull();
  });

  test("a database that never answers holds both back for a second only", async () => {
    store({ granted: all });
    const requests: unknown[] = [];
    vi.stubGlobal("indexedDB", { open: () => requests[requests.push({}) - 1] });
    document.body.innerHTML = OWN;
    await visit();
    await vi.advanceTimersByTimeAsync(999);
    expect(await came()).toEqual([]);
    expect(pixel()).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(pixel()).not.toBeNull();
    expect(await came()).toEqual(["act"]);
    expect(requests).toHaveLength(1);
  });

  test("and where the database is blocked, it opens as well", async () => {
    store({ granted: all });
    vi.stubGlobal("indexedDB", {
      open() {
        throw new Error("blocked");
      },
    });
    document.body.innerHTML = OWN;
    await visit();
    await came();
    expect(pixel()).not.toBeNull();
    await expect(manager.ready()).resolves.toBeUndefined();
  });

  test("not what another tab refuses while the database is looked at", async () => {
    store({ granted: all });
    vi.stubGlobal("indexedDB", { open: () => ({}) });
    document.body.innerHTML = OWN;
    const seen = openings();
    await visit();
    store({ refused: all, seq: 6 });
    await pass(1000);
    expect(await came()).toContain("act");
    expect(seen).toEqual([]);
    expect(manager.why("own").reason).toBe("partner_refused");
  });

  test("what was allowed and recorded here opens on the next page without more", async () => {
    await visit();
    press(0);
    await pass(100);
    await pass(200);
    expect(flags()).toBe("0");
    nextPage();
    scripts.isAway = true;
    document.body.innerHTML = OWN;
    await visit();
    await came();
    expect(pixel()).not.toBeNull();
  });

  test("and it is reported, whether the rest comes before or after it", async () => {
    const heard: string[] = [];
    document.addEventListener("cm:tag", (event) => heard.push((event as CustomEvent).detail.tag));
    store({ granted: all });
    document.body.innerHTML = OWN;
    await load();
    expect(pixel()).not.toBeNull();
    expect(heard).toEqual(["own"]);
  });
});

describe("the rest begins in a quiet moment", () => {
  const quietly = async () => {
    await vi.advanceTimersByTimeAsync(149);
    expect(await came()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect((await came())[0]).toBe("act");
  };

  test("where something was decided", async () => {
    store({ refused: all });
    await visit();
    await quietly();
  });

  test("where there is a database, in which a refusal may be", async () => {
    const refused = chosen({ refused: all, seq: 6 });
    await putInDatabase(entry(6, "refuse", true, refused));
    await visit();
    expect(bar()).not.toBeNull();
    await quietly();
    expect(manager.get().choices).toMatchObject({ seq: 6, granted: [] });
    expect(bar()).toBeNull();
  });

  test("where the browser signals a refusal", async () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true, language: "en" });
    await visit();
    await quietly();
  });

  test("where the question has to be fetched", async () => {
    await visit({}, "ko");
    expect(bar()).toBeNull();
    await quietly();
  });

  test("where there is no question, but a link", async () => {
    await visit({ presentation: "link" });
    await quietly();
  });

  test("where an embed has to say why it is not there", async () => {
    document.body.innerHTML = FRAME;
    await visit();
    expect(document.querySelector(".cm-placeholder")).not.toBeNull();
    await quietly();
  });
});
