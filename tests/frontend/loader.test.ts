import { describe, expect, test, vi } from "vitest";
import type { Device } from "../../static/src/device.ts";
import {
  ADS,
  all,
  bar,
  CART,
  corner,
  dialog,
  fakeTime,
  idle,
  leave,
  load,
  manager,
  nextPage,
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
  without,
} from "./page.ts";
import { chosen, ENDPOINT, entry, putInDatabase, watchReload } from "./site.ts";

describe("settings", () => {
  test("the button and every [data-cm-open] ask for the preferences, once", async () => {
    store({ refused: all });
    document.body.innerHTML = `<a href="#x" data-cm-open><b>settings</b></a>`;
    await load();
    const press = new MouseEvent("click", { bubbles: true, cancelable: true });
    document.querySelector("b")!.dispatchEvent(press);
    expect(press.defaultPrevented).toBe(true);
    corner().click();
    await rest();
    const fetched = document.head.querySelectorAll<HTMLScriptElement>('script[src*="/preferences/"]');
    expect([...fetched].map((one) => one.src)).toEqual([ENDPOINT + "/b/preferences/0a.js"]);
    expect(root().querySelectorAll(".cm-dialog")).toHaveLength(1);
  });

  test("what was being said before the page was loaded again is said once more", async () => {
    store({ refused: all });
    sessionStorage.setItem("cm_saved", "It was <b>saved</b>.");
    await load();
    expect(toast()).toBe("It was <b>saved</b>.");
    nextPage();
    await load();
    expect(toast()).toBe("");
    sessionStorage.setItem("cm_saved", "dialog");
    nextPage();
    await load();
    expect(dialog()!.querySelector(".cm-status")!.textContent).toContain("ja saved_withdrawn");
    expect(sessionStorage.getItem("cm_saved")).toBeNull();
  });

  test("in another tab answer the question here as well", async () => {
    await load();
    store({ refused: all, seq: 99 });
    dispatchEvent(new StorageEvent("storage", { key: "cm_choices", newValue: "…" }));
    await rest();
    expect(bar()).toBeNull();
    expect(manager.why("ads").reason).toBe("partner_refused");
  });
});

describe("a decision that was not acknowledged", () => {
  test("is sent from the next page, where the newest of them holds", async () => {
    store({ granted: all, seq: 5 });
    const refusal = entry(6, "refuse", true, chosen({ refused: all, seq: 6 }));
    await putInDatabase(refusal);
    document.body.innerHTML = OWN.replace("own", "ads");
    await load();
    await idle();
    expect(pixel()).toBeNull();
    expect(manager.why("ads").reason).toBe("partner_refused");
    expect(sent("/v1/consents")).toMatchObject([{ idempotency_key: refusal.idempotency_key }]);
    expect(bar()).toBeNull();
  });

  test("of a notice that is retired is asked again by the next one, not by this", async () => {
    await load();
    const ok = fetch;
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) =>
      url.endsWith("/v1/consents") ? new Response("{}", { status: 409 }) : ok(url, init),
    );
    press(0);
    await rest();
    expect(bar()).toBeNull();
    expect(manager.why("ads").reason).toBe("no_choice");
    nextPage();
    await load();
    expect(bar()).toBeNull();
    nextPage();
    await load({ notice: 4 });
    expect(bar()).not.toBeNull();
  });
});

describe("a withdrawal", () => {
  test("loads the page again when scripts had run, and is told there", async () => {
    const reload = watchReload();
    store({ granted: all });
    document.body.innerHTML = ADS;
    await load();
    await manager.set({ partners: { criteo: false } });
    await rest();
    expect(reload).toHaveBeenCalledOnce();
    expect(toast()).toContain("ja saved");
    expect(sessionStorage.getItem("cm_saved")).toBe(toast());
  });
});

describe("what the site's vendors are told", () => {
  const ADVERTS = ["ads", "more_ads"].map(
    (code) => `<template data-cm-tag="${code}"><img class="advert" alt="${code}"></template>`,
  );
  const adverts = () => [...document.querySelectorAll<HTMLImageElement>(".advert")];

  test("comes before each tag of theirs opens: by default, as stored, as decided", async () => {
    const steps: string[] = [];
    const open = () => adverts().map(({ alt }) => alt);
    vi.stubGlobal("CM_SIGNALS", {
      hear: ({ decide }: Device) => {
        steps.push(`${decide("more_ads").reason}, open: ${open()}`);
        return [];
      },
    });
    store({ granted: without("partner:line") });
    document.body.innerHTML = ADVERTS.join("");
    await load();
    expect(steps).toEqual(["no_choice, open: ", "no_choice, open: "]);
    expect(open()).toEqual(["ads"]);
    press(0);
    expect(steps.slice(2)).toEqual(["granted, open: ads"]);
    expect(open()).toEqual(["ads", "more_ads"]);
  });

  test("comes before the page hears of each tag", async () => {
    const steps: string[] = [];
    vi.stubGlobal("CM_SIGNALS", {
      hear: ({ decide }: Device) => {
        steps.push(`told ${decide("ads").reason}`);
        return [];
      },
    });
    document.addEventListener("cm:tag", (event) => {
      const { tag, reason } = (event as CustomEvent).detail;
      steps.push(`${tag} ${reason}`);
    });
    store({ granted: without("partner:line") });
    document.body.innerHTML = ADVERTS.join("");
    await load();
    expect(steps).toEqual(["told granted", "told granted", "ads granted", "more_ads no_choice"]);
    steps.length = 0;
    press(0);
    await rest();
    expect(steps[0]).toBe("told granted");
    expect(steps).toContain("more_ads granted");
  });
});

describe("room at the page's end", () => {
  test("is as high as what floats over it", async () => {
    let resized = () => {};
    const watched = new Set<Element>();
    vi.stubGlobal(
      "ResizeObserver",
      class {
        constructor(listener: () => void) {
          resized = listener;
        }
        observe = (one: Element) => void watched.add(one);
      },
    );
    vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockImplementation(function (
      this: HTMLElement,
    ) {
      return this.classList.contains("cm-bar") ? 200 : 44;
    });
    const { style } = document.documentElement;
    await load();
    expect([...watched]).toEqual(expect.arrayContaining([bar(), corner()]));
    resized();
    expect(style.scrollPaddingBottom).toBe("224px");
    // A page that nobody can scroll would only move.
    expect(style.paddingBottom).toBe("");
    dispatchEvent(new Event("scroll"));
    expect(style.paddingBottom).toBe("224px");
    press(1);
    await rest();
    resized();
    expect(style.paddingBottom).toBe("68px");
    document.documentElement.removeAttribute("style");
  });
});

describe("where the one line stands", () => {
  const WARNING = "The consent script must be the page's first, without async or defer.";

  test("as the first script it is silent, and takes the service's address from its own", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    await load({ endpoint: "" }, "ja", false, { src: ENDPOINT + "/b/kloset.js" });
    expect(warn).not.toHaveBeenCalled();
    leave();
    expect(sent("/v1/shown")).toHaveLength(1);
    expect(bar()!.querySelector("a")!.href).toContain(ENDPOINT);
  });

  test.each([
    ["async", { async: true }],
    ["deferred", { defer: true }],
  ])("%s, it says what is wrong and works all the same", async (_, line) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    await load({}, "ja", false, line);
    expect(warn).toHaveBeenCalledWith(WARNING);
    expect(bar()).not.toBeNull();
  });

  test("its nonce goes to the scripts that it fetches, and to tags known by address alone", async () => {
    store({ granted: all });
    document.body.innerHTML = `<template data-cm-tag="by_address"></template>`;
    await load({}, "ja", false, { nonce: "n1" });
    corner().click();
    await rest();
    const fetched = [...document.querySelectorAll<HTMLScriptElement>("script[src]")];
    expect(fetched.map((one) => new URL(one.src).pathname).sort()).toEqual([
      "/b/act/0a.js",
      "/b/preferences/0a.js",
      "/t.js",
    ]);
    expect(new Set(fetched.map((one) => one.nonce))).toEqual(new Set(["n1"]));
  });
});

describe("for the site's developer", () => {
  test("the panel lists the tags, whatever else has not come yet", async () => {
    fakeTime();
    history.replaceState(null, "", "?cm-debug");
    await visit();
    history.replaceState(null, "", location.pathname);
    await rest();
    await pass(100);
    const panel = root().querySelector(".cm-debug")!;
    // It looks again each second.
    [...panel.querySelectorAll("button")].find((one) => one.textContent === "Close")!.click();
    expect(scripts.fetched).toEqual(["debug"]);
    expect(panel.textContent).toContain("no_choice: the visitor has not answered yet");
    expect(panel.textContent).toContain("not on this page");
  });
});

describe("when something is broken", () => {
  test("the line was pasted twice: one banner, and each script once", async () => {
    document.body.innerHTML = CART;
    await load();
    await load({}, "ja", true);
    expect(document.querySelectorAll("#cm-root")).toHaveLength(1);
    expect(document.querySelectorAll("#pixel")).toHaveLength(1);
  });

  test("an unusable configuration opens nothing and is reported", async () => {
    document.body.innerHTML = OWN;
    vi.spyOn(console, "error").mockImplementation(() => {});
    const errors: unknown[] = [];
    document.addEventListener("cm:error", (event) => errors.push((event as CustomEvent).detail), {
      once: true,
    });
    await visit({ tags: null as never });
    await rest();
    expect(pixel()).toBeNull();
    expect(errors).toEqual([{ code: "loader_failed", status: 0 }]);
  });
});
