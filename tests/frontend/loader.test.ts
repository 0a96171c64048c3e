import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { askedIds, encode } from "../../static/src/core/state.ts";
import type { ChoiceId, Choices, Config } from "../../static/src/core/types.ts";
import type { Device } from "../../static/src/device.ts";
import type { ConsentManager } from "../../static/src/page_api.ts";
import {
  catalogue,
  chosen,
  clearBrowser,
  ENDPOINT,
  entry,
  frames,
  isolate,
  meaningMore,
  putInDatabase,
  release,
  runAs,
  serveScripts,
  settle,
  site,
  warmUp,
  watchReload,
  words,
  type Scripts,
} from "./site.ts";

// Presses by a test are not trusted by the browser; here the test says whether a person did it.
const gesture = vi.hoisted(() => ({ isMeant: true }));
vi.mock("../../static/src/io/gesture.ts", () => ({ isMeant: () => gesture.isMeant }));

const config = site();
const all = askedIds(config);
const without = (...ids: ChoiceId[]) => all.filter((id) => !ids.includes(id));
const posts: { path: string; search: string; body: Record<string, unknown>; init: RequestInit }[] = [];
let answers: Record<string, unknown>;
let scripts: Scripts;
let manager: ConsentManager;

/** Words that the page's one line brings: the others come with what is fetched. */
function firstWords(language: string): Record<string, string> {
  const { refuse_changed, reload_note, saved_withdrawn, ...first } = words(language);
  return first;
}

/** The page's one line, as the service serves it; `more`: how it is written. */
async function visit(
  settings: Partial<Config> = {},
  language = "ja",
  again = false,
  more: Partial<HTMLScriptElement> = {},
): Promise<void> {
  document.documentElement.lang = language;
  const wording = { ja: firstWords("ja"), en: firstWords("en") };
  vi.stubGlobal("CM_CONFIG", site({ wording, ...settings }));
  vi.resetModules();
  if (!again) delete (window as { consentManager?: unknown }).consentManager;
  // jsdom's own are async from the start, as those are that a script makes.
  const line = Object.assign(document.createElement("script"), { async: false, ...more });
  document.head.prepend(line);
  await runAs(line, () => import("../../static/src/loader.ts"));
  manager = (window as unknown as { consentManager: ConsentManager }).consentManager;
}

/** The same, where something has asked for the rest, which is there. */
async function load(...line: Parameters<typeof visit>): Promise<void> {
  await visit(...line);
  const ready = manager.ready();
  if (!scripts.isAway || scripts.kept.includes("act")) await ready;
  await rest();
}

/** Until nothing is under way any more, and what was put on the page is painted. */
async function rest(): Promise<void> {
  await scripts.rest();
  await frames();
  await scripts.rest();
}

/** Until what can wait for a quiet moment is done, too. */
async function idle(): Promise<void> {
  await settle(160);
  await rest();
}

/** The visitor goes to another page, or away. */
const leave = () => dispatchEvent(new Event("pagehide"));
const fakeTime = () => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });

const root = () => document.querySelector("#cm-root")!.shadowRoot!;
const bar = () => root().querySelector<HTMLElement>(".cm-bar");
const press = (index: number) =>
  bar()!.querySelectorAll<HTMLButtonElement>("button")[index]!.click();
const sent = (path: string) => posts.filter((one) => one.path === path).map((one) => one.body);
const store = (more: Partial<Choices>) => {
  document.cookie = `cm_choices=${encode(chosen(more), config.ids)};Path=/`;
};
/** Flags in the cookie: 1 = with a browser signal, 2 = a refusal that was not recorded yet. */
const flags = () => /cm_choices=1\.\d+\.\d+\.(\d)/.exec(document.cookie)?.[1];
const corner = () => root().querySelector<HTMLElement>(".cm-corner")!;
const dialog = () => root().querySelector<HTMLDialogElement>(".cm-dialog");
const toast = () => root().querySelector(".cm-toast")!.textContent;
const note = () => bar()!.querySelector(".cm-note")?.textContent;
const labels = () => [...bar()!.querySelectorAll("button")].map((one) => one.textContent);

beforeAll(warmUp);
beforeEach(() => {
  isolate();
  vi.stubGlobal("indexedDB", new IDBFactory());
  // jsdom knows the element, not what it does.
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLDialogElement.prototype.close = function () {
    this.dispatchEvent(new Event("close"));
  };
  gesture.isMeant = true;
  scripts = serveScripts();
  posts.length = 0;
  answers = { "/v1/consents": {}, "/v1/shown": {}, "/v1/bootstrap": catalogue() };
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const { pathname, search } = new URL(url);
    posts.push({
      path: pathname,
      search,
      body: init.body ? (JSON.parse(init.body as string) as Record<string, unknown>) : {},
      init,
    });
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
  vi.useRealTimers();
  await scripts.rest();
  release();
  await settle();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  clearBrowser();
});

/** The visitor goes on: what is stored stays, the page does not. */
function nextPage(): void {
  const isFake = vi.isFakeTimers();
  // What the page had still to do is not done any more.
  vi.useRealTimers();
  release();
  document.head.replaceChildren();
  document.body.replaceChildren();
  isolate();
  if (isFake) fakeTime();
  const { isAway, kept } = scripts;
  scripts = Object.assign(serveScripts(), { isAway, kept });
}

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
    await load({ presentation });
    const layer = root().firstElementChild as HTMLElement;
    expect(layer.tagName).toBe(element);
    // Escape closes a dialog; that is no answer.
    layer.dispatchEvent(new Event("close"));
    expect(manager.get().choices).toBeNull();
    leave();
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
    await rest();
    expect(sent("/v1/consents")).toEqual([]);
    expect(manager.get().choices).toBeNull();
    expect(bar()).not.toBeNull();
  });

  test("is counted once, as the first time only without the flag cookie", async () => {
    await load();
    leave();
    leave();
    expect(sent("/v1/shown")).toEqual([
      {
        site: "kloset",
        notice: 3,
        language: "ja",
        surface: "bar",
        first: true,
      },
    ]);
    expect(document.cookie).toContain("cm_shown=3");
    posts.length = 0;
    nextPage();
    await load();
    leave();
    expect(sent("/v1/shown")).toMatchObject([{ first: false }]);
  });

  test("is counted 5 s after it is painted, and not again when the visitor leaves", async () => {
    fakeTime();
    await visit();
    await frames();
    await vi.advanceTimersByTimeAsync(4999);
    expect(sent("/v1/shown")).toEqual([]);
    expect(document.cookie).toBe("");
    await vi.advanceTimersByTimeAsync(1);
    leave();
    expect(sent("/v1/shown")).toHaveLength(1);
    expect(document.cookie).toBe("cm_shown=3");
  });

  test("is not counted before it is painted", async () => {
    await visit();
    leave();
    await frames();
    expect(sent("/v1/shown")).toEqual([]);
  });

  test.each([ENDPOINT, "https://consent.service.example"])(
    "is counted at %s without anything that names the device",
    async (endpoint) => {
      localStorage.setItem("cm_device", "token");
      await load({ endpoint });
      leave();
      const [{ init }] = posts.filter((one) => one.path === "/v1/shown") as [(typeof posts)[0]];
      expect(init).toMatchObject({ credentials: "omit", keepalive: true });
      // As plain text, which the browser need not ask for first.
      expect([typeof init.body, init.headers]).toEqual(["string", undefined]);
    },
  );

  test("painted, it opens what notice is enough for, from the next page on", async () => {
    await load();
    expect(manager.why("own").reason).toBe("no_choice");
    leave();
    nextPage();
    await load();
    expect(manager.why("own").reason).toBe("notice_given");
    expect(manager.why("stats").reason).toBe("no_choice");
  });

  test("a cookie that could not be set shows nothing", async () => {
    const set = vi.spyOn(document, "cookie", "set").mockImplementation(() => {});
    await load();
    leave();
    set.mockRestore();
    nextPage();
    await load();
    expect(manager.why("own").reason).toBe("no_choice");
  });

  test("is not there on a return visit, which sends nothing", async () => {
    store({ granted: all });
    await load();
    await idle();
    leave();
    expect(bar()).toBeNull();
    expect(posts).toEqual([]);
    expect(scripts.fetched).toEqual(["act"]);
    expect(root().querySelector<HTMLElement>(".cm-corner")!.hidden).toBe(false);
  });

  test("comes back when what was granted has changed", async () => {
    store({ granted: all, notice: 2 });
    await load(meaningMore("purpose:advertising"));
    expect(bar()).not.toBeNull();
  });

  test("is never shown where the site wants a link only", async () => {
    await load({ presentation: "link" });
    expect(bar()).toBeNull();
    expect(root().querySelector<HTMLElement>(".cm-corner")!.hidden).toBe(false);
  });

  test("says that the browser's signal was honoured", async () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true, language: "en" });
    await load();
    expect(note()).toContain("ja gpc_honoured");
    expect(manager.why("ads").reason).toBe("browser_signal");
  });

  test("refuse: closes, says so, leads the keyboard to the settings", async () => {
    await load();
    bar()!.querySelectorAll("button")[1]!.focus();
    press(1);
    await rest();
    expect(bar()).toBeNull();
    expect(manager.why("ads")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "bar" }]);
    expect(toast()).toContain("ja saved");
    expect(root().activeElement!.className).toBe("cm-corner");
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

  test("allow opens the tags", async () => {
    await load();
    press(0);
    await rest();
    expect(manager.why("ads").reason).toBe("granted");
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

  test("choose opens the preferences over a modal first layer, too", async () => {
    await load({ presentation: "dialog" });
    press(2);
    await rest();
    expect(dialog()).not.toBeNull();
    expect(bar()).not.toBeNull();
  });

  test("a choice in the preferences answers the first layer, too", async () => {
    await load();
    bar()!.querySelectorAll("button")[2]!.focus();
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

  test("what is asked for comes after what decides, and once", async () => {
    await load();
    press(2);
    press(2);
    await rest();
    expect(scripts.fetched).toEqual(["act", "preferences"]);
  });
});

describe("the languages", () => {
  test("a page in another one than the site's own is asked in its own, once fetched", async () => {
    answers["/v1/bootstrap"] = catalogue(words("ko"));
    await load({}, "ko");
    expect(labels()).toEqual(expect.arrayContaining([expect.stringContaining("ko allow")]));
    expect(bar()!.lang).toBe("ko");
    expect(bar()!.querySelector("a")!.href).toContain("?lang=ko");
    leave();
    expect(sent("/v1/shown")).toMatchObject([{ language: "ko" }]);
    press(1);
    await rest();
    expect(sent("/v1/consents")).toMatchObject([{ language: "ko" }]);
    expect(toast()).toContain("ko saved");
  });

  test("one with a region gets the plain one, fetched as well", async () => {
    answers["/v1/bootstrap"] = catalogue(words("ko"));
    await load({}, "ko-KR");
    expect(labels()[0]).toContain("ko allow");
    expect(bar()!.lang).toBe("ko");
    const asked = posts.filter((one) => one.path === "/v1/bootstrap");
    expect(asked.map((one) => one.search)).toEqual(["?site=kloset&language=ko"]);
    leave();
    expect(sent("/v1/shown")).toMatchObject([{ language: "ko" }]);
  });

  test("but not where the page has one that is nearer, nor for the browser's own", async () => {
    const wording = { en: words("en"), "en-GB": words("en-GB") };
    await load({ wording, more_languages: ["en"] }, "en-GB");
    vi.stubGlobal("navigator", { language: "ko-KR" });
    await load({}, "tlh");
    await load({}, "constructor");
    expect(posts.filter((one) => one.path === "/v1/bootstrap")).toEqual([]);
  });

  test("where it cannot be fetched, in one that the page has", async () => {
    delete answers["/v1/bootstrap"];
    await load({}, "ko");
    expect(bar()!.lang).toBe("en");
  });

  test("one that nobody speaks is the browser's, or else the site's first", async () => {
    await load({}, "tlh");
    expect(bar()!.lang).toBe("en");
    vi.stubGlobal("navigator", { language: "tlh" });
    await load({}, "tlh");
    expect(root().querySelector<HTMLElement>(".cm-bar")!.lang).toBe("ja");
  });

  test("one with a region is preferred to the plain one", async () => {
    await load({ wording: { en: words("en"), "en-GB": words("en-GB") } }, "en-GB");
    expect(bar()!.lang).toBe("en-GB");
  });
});

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

const pass = async (ms: number) => {
  await vi.advanceTimersByTimeAsync(ms);
  await rest();
};
/** The way to the settings that the page itself has. */
const LINK = `<a data-cm-open>settings</a>`;
const openSettings = async () => {
  document.querySelector<HTMLElement>("[data-cm-open]")!.click();
  await pass(0);
};
const OWN = `<template data-cm-tag="own"><img id="pixel" src="/p.gif"></template>`;
const pixel = () => document.querySelector("#pixel");
/** How it was decided, each time that something was. */
function methods(): unknown[] {
  const heard: unknown[] = [];
  document.addEventListener("cm:change", (event) =>
    heard.push((event as CustomEvent).detail.method),
  );
  return heard;
}

describe("the rest begins", () => {
  const FRAME = `<template data-cm-tag="video"><iframe></iframe></template>`;
  const CART = `<template data-cm-tag="cart"><img id="pixel" src="/p.gif"></template>`;
  /** Until scripts that were asked for have run; the clock stands still. */
  const came = async () => {
    await scripts.rest();
    return scripts.fetched;
  };
  beforeEach(fakeTime);

  test.each([
    ["pointerover", () => document.body],
    ["focusin", () => document.body],
    ["scroll", () => document],
  ] as const)("for a new visitor at %s, and nothing is fetched before", async (sign, of) => {
    document.body.innerHTML = OWN;
    await visit();
    await pass(4900);
    expect([scripts.fetched, posts, await indexedDB.databases()]).toEqual([[], [], []]);
    expect(corner()).toBeNull();
    for (let i = 0; i < 2; i++) of().dispatchEvent(new Event(sign, { bubbles: true }));
    expect(await came()).toEqual(["act"]);
    expect(corner()).not.toBeNull();
    expect(pixel()).toBeNull();
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

  test("with an answer, which is recorded", async () => {
    document.body.innerHTML = OWN;
    await visit();
    press(0);
    await came();
    await pass(200);
    expect(scripts.fetched).toEqual(["act", "send"]);
    expect(sent("/v1/consents")).toMatchObject([{ method: "allow", surface: "bar" }]);
    expect(pixel()).not.toBeNull();
    expect(bar()).toBeNull();
  });

  test("at once where something exempt is on the page, which runs", async () => {
    document.body.innerHTML = CART;
    await visit();
    expect(await came()).toEqual(["act"]);
    expect(pixel()).not.toBeNull();
  });

  test("at once where something exempt comes later", async () => {
    await visit();
    expect(await came()).toEqual([]);
    document.body.insertAdjacentHTML("beforeend", CART);
    await settle();
    expect(await came()).toEqual(["act"]);
    expect(pixel()).not.toBeNull();
  });

  test("at once where something may open, and does not wait for the database", async () => {
    store({ granted: all });
    const requests: unknown[] = [];
    vi.stubGlobal("indexedDB", { open: () => requests[requests.push({}) - 1] });
    document.body.innerHTML = OWN;
    await visit();
    expect(await came()).toEqual(["act"]);
    expect(requests).toHaveLength(1);
    expect(pixel()).toBeNull();
    // One that never answers holds nothing back for long.
    await pass(1000);
    expect(pixel()).not.toBeNull();
  });

  test("and where the database is blocked, what may open opens", async () => {
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

  const quietly = async () => {
    await vi.advanceTimersByTimeAsync(149);
    expect(await came()).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect((await came())[0]).toBe("act");
  };

  test("in a quiet moment where something was decided", async () => {
    store({ refused: all });
    await visit();
    await quietly();
  });

  test("in a quiet moment where there is a database, in which a refusal may be", async () => {
    const refused = chosen({ refused: all, seq: 6 });
    await putInDatabase(entry(6, "refuse", true, refused));
    await visit();
    expect(bar()).not.toBeNull();
    await quietly();
    expect(manager.get().choices).toMatchObject({ seq: 6, granted: [] });
    expect(bar()).toBeNull();
  });

  test("in a quiet moment where the browser signals a refusal", async () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true, language: "en" });
    await visit();
    await quietly();
  });

  test("in a quiet moment where the question has to be fetched", async () => {
    await visit({}, "ko");
    expect(bar()).toBeNull();
    await quietly();
  });

  test("in a quiet moment where there is no question, but a link", async () => {
    await visit({ presentation: "link" });
    await quietly();
  });

  test("in a quiet moment where an embed has to say why it is not there", async () => {
    document.body.innerHTML = FRAME;
    await visit();
    expect(document.querySelector(".cm-placeholder")).not.toBeNull();
    await quietly();
  });
});

describe("while the service's scripts cannot be loaded", () => {
  beforeEach(() => {
    scripts.isAway = true;
    fakeTime();
    vi.spyOn(Math, "random").mockReturnValue(0);
  });

  test("nothing opens, whatever is stored; it does once they can be", async () => {
    store({ granted: all });
    document.body.innerHTML = OWN;
    await load();
    await pass(1000);
    expect(manager.why("own").allowed).toBe(true);
    expect(pixel()).toBeNull();
    scripts.isAway = false;
    await pass(4000);
    expect(pixel()).not.toBeNull();
  });

  test("what was refused in another tab meanwhile does not open", async () => {
    store({ granted: all });
    document.body.innerHTML = OWN;
    await load();
    store({ refused: all, seq: 99 });
    scripts.isAway = false;
    await pass(4000);
    expect(manager.why("own")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(pixel()).toBeNull();
  });

  test("refuse shuts at once, and the question goes away within about a second", async () => {
    document.cookie = "cm_shown=3;Path=/";
    await load();
    expect(manager.why("own")).toMatchObject({ allowed: true, reason: "notice_given" });
    press(1);
    expect(manager.why("own")).toMatchObject({ allowed: false, reason: "partner_refused" });
    expect(flags()).toBe("2");
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
    expect(posts.map((one) => one.path)).toEqual(["/v1/consents"]);
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", surface: "bar" }]);
    expect(flags()).toBe("0");
    expect(bar()).toBeNull();
    expect(allowed).toEqual([]);

    nextPage();
    await load();
    await pass(4000);
    expect(posts).toHaveLength(1);
    expect(bar()).toBeNull();
  });

  test("allow grants nothing before it is recorded; the question goes away all the same", async () => {
    await load();
    press(0);
    await pass(1000);
    expect(bar()).toBeNull();
    expect(manager.get().choices).toBeNull();
    expect(manager.why("ads").reason).toBe("no_choice");
    scripts.isAway = false;
    await pass(4000);
    expect(sent("/v1/consents")).toMatchObject([{ method: "allow" }]);
    expect(manager.why("ads").reason).toBe("granted");
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
    await pass(1000);
    expect(bar()).toBeNull();
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
    document.body.innerHTML = `<template data-cm-tag="video"><iframe width="480" height="270"></iframe></template>`;
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
});

describe("while only what decides and sends can be loaded", () => {
  beforeEach(() => {
    scripts.isAway = true;
    scripts.kept = ["act", "send"];
    fakeTime();
    vi.spyOn(Math, "random").mockReturnValue(0);
  });
  /** No time passes: only what was promised already happens. */
  const atOnce = async () => {
    for (let i = 0; i < 20; i++) await null;
  };

  test("refuse closes what runs at once, and the question goes away within about a second", async () => {
    store({ granted: without("partner:line") });
    document.body.innerHTML = OWN;
    await load();
    await pass(1000);
    expect(pixel()).not.toBeNull();
    press(1);
    expect(manager.why("own")).toMatchObject({ allowed: false, reason: "partner_refused" });
    await atOnce();
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
    await atOnce();
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
    await atOnce();
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
    document.body.innerHTML = `<template data-cm-tag="ads"><script>void 0</script></template>`;
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
    document.body.innerHTML = `<template data-cm-tag="ads"><img id="pixel" src="/p.gif"></template>`;
    await load();
    await idle();
    expect(document.querySelector("#pixel")).toBeNull();
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
    document.body.innerHTML = `<template data-cm-tag="ads"><script>void 0</script></template>`;
    await load();
    await manager.set({ partners: { criteo: false } });
    await rest();
    expect(reload).toHaveBeenCalledOnce();
    expect(toast()).toContain("ja saved");
    expect(sessionStorage.getItem("cm_saved")).toBe(toast());
  });
});

describe("placeholders", () => {
  const FRAME = `<template data-cm-tag="video"><iframe id="film" src="/f" width="480" height="270"></iframe></template>`;
  const standIns = () => [...document.querySelectorAll<HTMLElement>(".cm-placeholder")];
  const buttons = () => standIns().at(-1)!.shadowRoot!.querySelectorAll("button");

  test("say who and why, keep the size, and open once", async () => {
    document.body.innerHTML = FRAME;
    await load();
    const [place] = standIns();
    expect(place!.style.width).toBe("480px");
    expect(place!.style.minHeight).toBe("270px");
    expect(place!.shadowRoot!.textContent).toContain("ja placeholder_title youtube Inc.");
    expect(place!.shadowRoot!.textContent).toContain("ja placeholder_why youtube Inc.");
    buttons()[0]!.click();
    expect(document.querySelector("#film")).not.toBeNull();
    expect(standIns()).toEqual([]);
    expect(sent("/v1/consents")).toEqual([]);
  });

  test("once is until the next decision, even one that only grants something else", async () => {
    document.body.innerHTML = FRAME;
    await load();
    buttons()[0]!.click();
    await manager.set({ partners: { google: true } });
    await rest();
    expect(document.querySelector("#film")).toBeNull();
    expect(standIns()).toHaveLength(1);
  });

  test("always records a grant for what that tag needs, nothing else", async () => {
    document.body.innerHTML = FRAME;
    await load();
    buttons()[1]!.click();
    await rest();
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
    buttons()[0]!.click();
    buttons()[1]!.click();
    await rest();
    expect(document.querySelector("#film")).toBeNull();
    expect(sent("/v1/consents")).toEqual([]);
    nextPage();
    document.body.innerHTML = FRAME;
    const { video, ...others } = config.tags;
    await load({ tags: { ...others, video: { ...video!, shut: "partner_overdue" } } });
    expect(standIns().at(-1)!.shadowRoot!.textContent).toContain("ja placeholder_title");
    expect(buttons()).toHaveLength(0);
  });

  test("stand nowhere for a tag that the notice does not know", async () => {
    document.body.innerHTML = FRAME.replace("video", "nobody");
    await load();
    expect(standIns()).toEqual([]);
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
    await rest();
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
    await rest();
    expect(layer).toMatchObject([{ event: "cm_consent", cm_granted: [] }]);
    delete (window as { dataLayer?: unknown }).dataLayer;
  });
});

describe("what the site's vendors are told", () => {
  test("comes before each tag of theirs opens: the default, what is stored, what is decided", async () => {
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
    document.body.innerHTML = `<template data-cm-tag="ads"></template><template data-cm-tag="more_ads"></template>`;
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
    await visit({ tags: null as never });
    await rest();
    expect(document.querySelector("#pixel")).toBeNull();
    expect(errors).toEqual([{ code: "loader_failed", status: 0 }]);
  });
});
