import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { answerAll, encode } from "../../static/src/core/state.ts";
import type { ConsentManager } from "../../static/src/page_api.ts";
import type { Config } from "../../static/src/core/types.ts";
import { chosen, clearBrowser, isolate, release, settle, site } from "./site.ts";

// Presses by a test are not trusted by the browser; here the test says whether a person did it.
const gesture = vi.hoisted(() => ({ isMeant: true, hasSignal: false }));
vi.mock("../../static/src/io/gesture.ts", () => ({
  isMeant: () => gesture.isMeant,
  hasSignal: () => gesture.hasSignal,
}));

const config = site();
const posts: { path: string; body: Record<string, unknown> }[] = [];
let answers: Record<string, unknown>;
let manager: ConsentManager;

async function load(settings: Partial<Config> = {}, language = "ja", again = false): Promise<void> {
  document.documentElement.lang = language;
  vi.stubGlobal("CM_CONFIG", site(settings));
  vi.resetModules();
  if (!again) delete (window as { consentManager?: unknown }).consentManager;
  await import("../../static/src/loader.ts");
  manager = (window as unknown as { consentManager: ConsentManager }).consentManager;
  await manager?.ready();
  await settle(60);
}

const root = () => document.querySelector("#cm-root")!.shadowRoot!;
const bar = () => root().querySelector<HTMLElement>(".cm-bar");
const press = (index: number) =>
  bar()!.querySelectorAll<HTMLButtonElement>("button")[index]!.click();
const sent = (path: string) => posts.filter((one) => one.path === path).map((one) => one.body);
const store = (more: Parameters<typeof chosen>[0]) => {
  document.cookie = `cm_choices=${encode(chosen(more), config.numbers)};Path=/`;
};

beforeEach(() => {
  isolate();
  vi.stubGlobal("indexedDB", new IDBFactory());
  gesture.isMeant = true;
  gesture.hasSignal = false;
  posts.length = 0;
  answers = { "/v1/consents": {}, "/v1/shown": {} };
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const { pathname } = new URL(url);
    posts.push({ path: pathname, body: init.body ? JSON.parse(init.body as string) : {} });
    const answer = answers[pathname];
    if (answer === undefined) throw new TypeError("offline");
    return new Response(JSON.stringify(answer), { status: 200 });
  });
  const define = Object.defineProperty;
  vi.spyOn(Object, "defineProperty").mockImplementation((target, name, attributes) =>
    define(
      target,
      name,
      name === "consentManager" ? { ...attributes, configurable: true } : attributes,
    ),
  );
});
afterEach(async () => {
  // An answer that is still under way would be stored in the next test's browser.
  await settle();
  release();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  clearBrowser();
});

describe("first layer", () => {
  test("is a labelled region, first in the page, and takes no focus", async () => {
    document.body.innerHTML = `<main><input id="field"></main>`;
    document.querySelector<HTMLElement>("#field")!.focus();
    await load();
    expect(document.body.firstElementChild!.id).toBe("cm-root");
    expect(bar()!.tagName).toBe("SECTION");
    const label = root().getElementById(bar()!.getAttribute("aria-labelledby")!)!;
    expect(label.textContent).toContain("ja banner_title");
    expect(bar()!.lang).toBe("ja");
    expect(document.activeElement!.id).toBe("field");
  });

  test("allow and refuse are siblings of one style; in Japanese all three are", async () => {
    await load();
    const buttons = [...bar()!.querySelectorAll("button")];
    expect(buttons.map((one) => one.textContent!.split(" ")[1])).toEqual([
      "allow",
      "refuse",
      "choose",
    ]);
    expect(new Set(buttons.map((one) => one.className)).size).toBe(1);
    expect(new Set(buttons.map((one) => one.parentElement)).size).toBe(1);
  });

  test("elsewhere only the third may be quiet; the page's language is used", async () => {
    await load({}, "en-GB");
    const [allow, refuse, choose] = [...bar()!.querySelectorAll("button")];
    expect(allow!.className).toBe(refuse!.className);
    expect(choose!.className).not.toBe(allow!.className);
    expect(bar()!.lang).toBe("en");
  });

  test.each([
    ["card", "SECTION"],
    ["dialog", "DIALOG"],
  ] as const)("as a %s", async (presentation, element) => {
    HTMLDialogElement.prototype.showModal = vi.fn();
    await load({ presentation });
    const layer = root().firstElementChild as HTMLElement;
    expect(layer.tagName).toBe(element);
    // Escape closes a dialog; that is no answer.
    layer.dispatchEvent(new Event("close"));
    expect(manager.get().choices).toBeNull();
    expect(sent("/v1/shown")).toMatchObject([{ surface: presentation }]);
    expect(sent("/v1/consents")).toEqual([]);
  });

  test("links to the external-transmission page of the service", async () => {
    await load();
    expect(bar()!.querySelector("a")!.href).toBe(
      "https://consent.kloset.example/external-transmission/kloset/?lang=ja",
    );
  });

  test("wording is text, never markup", async () => {
    const wording = structuredClone(config.wording);
    wording.ja!.banner_title = "<img src=x onerror=alert(1)>";
    await load({ wording });
    expect(bar()!.querySelector("img")).toBeNull();
    expect(bar()!.querySelector("h2")!.textContent).toBe("<img src=x onerror=alert(1)>");
  });

  test("Escape, scrolling and time decide nothing", async () => {
    await load();
    for (const target of [document, bar()!, bar()!.querySelector("button")!]) {
      target.dispatchEvent(
        new KeyboardEvent("keydown", { key: "Escape", bubbles: true, composed: true }),
      );
    }
    window.dispatchEvent(new Event("scroll"));
    await settle(50);
    expect(sent("/v1/consents")).toEqual([]);
    expect(manager.get().choices).toBeNull();
    expect(bar()).not.toBeNull();
  });

  test("is counted once, as the first time only without the flag cookie", async () => {
    await load();
    expect(sent("/v1/shown")).toEqual([
      {
        site: "kloset",
        notice: 3,
        language: "ja",
        surface: "bar",
        device_class: "desktop",
        first: true,
      },
    ]);
    expect(document.cookie).toContain("cm_shown=3");
    posts.length = 0;
    clearBrowserButCookies();
    await load();
    expect(sent("/v1/shown")).toMatchObject([{ first: false }]);
  });

  test("is not there on a return visit, which sends nothing", async () => {
    store({ granted: [...answerAll(config, true).keys()] });
    await load();
    expect(bar()).toBeNull();
    expect(posts).toEqual([]);
    expect(root().querySelector<HTMLElement>(".cm-corner")!.hidden).toBe(false);
  });

  test("comes back when what was granted has changed", async () => {
    store({ granted: [...answerAll(config, true).keys()], notice: 2 });
    await load({ material_since: { ...config.material_since, "purpose:advertising": 3 } });
    expect(bar()).not.toBeNull();
  });

  test("is never shown where the site wants a link only", async () => {
    await load({ presentation: "link" });
    expect(bar()).toBeNull();
    expect(root().querySelector<HTMLElement>(".cm-corner")!.hidden).toBe(false);
  });

  test("says that the browser's signal was honoured", async () => {
    gesture.hasSignal = true;
    await load();
    expect(bar()!.querySelector(".cm-note")!.textContent).toContain("ja gpc_honoured");
    expect(manager.why("ads").reason).toBe("browser_signal");
  });

  test("refuse: closes, says so, leads the keyboard to the settings", async () => {
    await load();
    bar()!.querySelectorAll("button")[1]!.focus();
    press(1);
    await settle();
    expect(bar()).toBeNull();
    expect(manager.why("ads")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "bar" }]);
    expect(root().querySelector("[role=status]")!.textContent).toMatch(/ja (saved|offline_note)/);
    expect(root().activeElement!.className).toBe("cm-corner");
  });

  test("refuse works even when no person pressed; allow does not", async () => {
    gesture.isMeant = false;
    await load();
    press(0);
    await settle();
    expect(sent("/v1/consents")).toEqual([]);
    press(1);
    await settle();
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse" }]);
  });

  test("allow opens the tags", async () => {
    await load();
    press(0);
    await settle();
    expect(manager.why("ads").reason).toBe("granted");
    expect(bar()).toBeNull();
  });

  test("choose opens the preferences over a modal first layer, too", async () => {
    HTMLDialogElement.prototype.showModal = vi.fn();
    await load({ presentation: "dialog" });
    press(2);
    const script = document.head.querySelector("script[src*=preferences]") as unknown as {
      cmMount(mount: (host: { root: ShadowRoot }) => Promise<void>): void;
    };
    const mount = vi.fn(async () => {});
    script.cmMount(mount);
    await settle();
    expect(mount).toHaveBeenCalledOnce();
  });

  test("choose without the service: the first layer stays and can refuse", async () => {
    await load();
    press(2);
    document.head.querySelector<HTMLScriptElement>("script[src*=preferences]")!.onerror!(
      new Event("error"),
    );
    await settle();
    expect(bar()!.querySelector(".cm-note")!.textContent).toContain("ja offline_note");
    press(1);
    await settle();
    expect(manager.why("ads").reason).toBe("partner_refused");
  });
});

function clearBrowserButCookies(): void {
  document.head.replaceChildren();
  document.body.replaceChildren();
}

describe("settings", () => {
  test("the button and every [data-cm-open] ask for the preferences, once", async () => {
    store({ refused: [...answerAll(config, false).keys()] });
    document.body.innerHTML = `<a href="#x" data-cm-open><b>settings</b></a>`;
    await load();
    document.querySelector("b")!.click();
    root().querySelector<HTMLElement>(".cm-corner")!.click();
    const scripts = document.head.querySelectorAll<HTMLScriptElement>("script");
    expect([...scripts].map((one) => one.src)).toEqual([
      "https://consent.kloset.example/static/consentmgr/preferences.js",
    ]);
  });
});

describe("placeholders", () => {
  const FRAME = `<template data-cm-tag="video"><iframe id="film" src="/f" width="480" height="270"></iframe></template>`;
  const standIn = () => document.querySelector<HTMLElement>(".cm-placeholder");

  test("say who, keep the size, and open once", async () => {
    document.body.innerHTML = FRAME;
    await load({ languages: ["ja"] });
    expect(standIn()!.style.width).toBe("480px");
    expect(standIn()!.style.minHeight).toBe("270px");
    expect(standIn()!.shadowRoot!.textContent).toContain("ja placeholder_title YouTube");
    standIn()!.shadowRoot!.querySelectorAll("button")[0]!.click();
    expect(document.querySelector("#film")).not.toBeNull();
    expect(sent("/v1/consents")).toEqual([]);
  });

  test("always records a grant for what that tag needs, nothing else", async () => {
    document.body.innerHTML = FRAME;
    await load();
    standIn()!.shadowRoot!.querySelectorAll("button")[1]!.click();
    await settle();
    expect(document.querySelector("#film")).not.toBeNull();
    expect(sent("/v1/consents")).toMatchObject([
      {
        method: "choose",
        surface: "page",
        purposes: { functional: true },
        partners: { youtube: true },
        data_items: {},
      },
    ]);
    expect(manager.why("ads").reason).toBe("no_choice");
    expect(bar()).not.toBeNull();
  });

  test("offer nothing where a visitor cannot decide, nor to a script", async () => {
    document.body.innerHTML = FRAME;
    gesture.isMeant = false;
    await load();
    standIn()!.shadowRoot!.querySelectorAll("button")[0]!.click();
    standIn()!.shadowRoot!.querySelectorAll("button")[1]!.click();
    await settle();
    expect(document.querySelector("#film")).toBeNull();
    document.body.innerHTML = FRAME;
    await load({ overdue: ["youtube"] });
    expect(
      [...document.querySelectorAll(".cm-placeholder")].at(-1)!.shadowRoot!.querySelector("button"),
    ).toBeNull();
  });
});

describe("the page's API", () => {
  test("get, why and ready", async () => {
    await load();
    expect(manager.get()).toMatchObject({ choices: null, notice: 3, gpc: false });
    expect(manager.get().decisions.cart!.reason).toBe("exempt");
    expect(manager.why("nobody")).toEqual({ allowed: false, reason: "unknown_tag", withheld: [] });
    expect(Object.isFrozen(manager)).toBe(true);
  });

  test("set without a person's gesture records refusals and ignores grants", async () => {
    await load();
    gesture.isMeant = false;
    expect(await manager.set({ purposes: { advertising: false, analytics: true } })).toEqual({
      recorded: true,
      ignored: ["purpose:analytics"],
    });
    expect(sent("/v1/consents")).toMatchObject([
      { method: "withdraw", surface: "api", purposes: { advertising: false } },
    ]);
    expect(manager.get().choices!.granted).toEqual([]);
    expect(await manager.set({ partners: { google: true } })).toEqual({
      recorded: false,
      ignored: ["partner:google"],
    });
    expect(sent("/v1/consents")).toHaveLength(1);
  });

  test("set with a gesture grants, and unknown codes are left out", async () => {
    await load();
    expect(
      await manager.set({
        purposes: { functional: true, nonsense: true },
        partners: { youtube: true },
      }),
    ).toEqual({
      recorded: true,
      ignored: [],
    });
    expect(manager.why("video").reason).toBe("granted");
  });

  test("on tells about changes and can be stopped; a listener that throws stops nothing", async () => {
    await load();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const errors: string[] = [];
    window.addEventListener("error", (event) => {
      event.preventDefault();
      errors.push(event.message);
    });
    const seen: unknown[] = [];
    manager.on("change", () => {
      throw new Error("page");
    });
    const stop = manager.on("change", (detail) => seen.push(detail));
    await manager.set({ purposes: { advertising: false } });
    stop();
    await manager.set({ purposes: { analytics: false } });
    expect(seen).toMatchObject([{ method: "withdraw", needs_reload: [] }]);
    expect(errors).toEqual(["page", "page"]);
  });

  test("each decision reaches the dataLayer once", async () => {
    const layer: unknown[] = [];
    (window as { dataLayer?: unknown }).dataLayer = layer;
    await load();
    press(1);
    await settle();
    expect(layer).toMatchObject([{ event: "cm_consent", cm_granted: [] }]);
    delete (window as { dataLayer?: unknown }).dataLayer;
  });
});

describe("when something is broken", () => {
  test("the line was pasted twice: one banner, and each script once", async () => {
    document.body.innerHTML = `<template data-cm-tag="cart"><img class="once" src="/p.gif"></template>`;
    await load();
    await load({}, "ja", true);
    expect(document.querySelectorAll("#cm-root")).toHaveLength(1);
    expect(document.querySelectorAll(".once")).toHaveLength(1);
  });

  test("an unusable configuration opens nothing and is reported", async () => {
    document.body.innerHTML = `<template data-cm-tag="own"><img id="pixel" src="/p.gif"></template>`;
    vi.spyOn(console, "error").mockImplementation(() => {});
    const errors: unknown[] = [];
    document.addEventListener("cm:error", (event) => errors.push((event as CustomEvent).detail), {
      once: true,
    });
    await load({ regime: null as never, tags: null as never });
    expect(document.querySelector("#pixel")).toBeNull();
    expect(errors).toEqual([{ code: "loader_failed", status: 0 }]);
  });
});
