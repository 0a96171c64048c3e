// A page with the consent line on it, for the tests of the loader and of what it fetches: what a visitor
// sees of it and presses. To import this is to have a new browser for each test.

import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeAll, beforeEach, vi } from "vitest";
import { askedIds, encode } from "../../static/src/core/state.ts";
import type { ChoiceId, Choices, Config } from "../../static/src/core/types.ts";
import type { ConsentManager } from "../../static/src/page_api.ts";
import {
  catalogue,
  chosen,
  clearBrowser,
  frames,
  isolate,
  release,
  runAs,
  serveScripts,
  settle,
  site,
  warmUp,
  words,
  type Scripts,
} from "./site.ts";

/** Presses by a test are not trusted by the browser; here the test says whether a person did it. */
export const gesture = { isMeant: true };
vi.mock("../../static/src/io/gesture.ts", () => ({ isMeant: () => gesture.isMeant }));

export const config = site();
export const all = askedIds(config);
export const without = (...ids: ChoiceId[]) => all.filter((id) => !ids.includes(id));

interface Post {
  path: string;
  search: string;
  body: Record<string, unknown>;
  init: RequestInit;
}

/** What the service was asked, and what it answers, by path: nothing = it is away. */
export const posts: Post[] = [];
export let answers: Record<string, unknown>;
export let scripts: Scripts;
export let manager: ConsentManager;

/** Words that the page's one line brings: the others come with what is fetched. */
function firstWords(language: string): Record<string, string> {
  const { refuse_changed, reload_note, saved_withdrawn, ...first } = words(language);
  return first;
}

/** The page's one line, as the service serves it; `more`: how it is written. */
export async function visit(
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
export async function load(...line: Parameters<typeof visit>): Promise<void> {
  await visit(...line);
  const ready = manager.ready();
  if (!scripts.isAway || scripts.kept.includes("act")) await ready;
  await rest();
}

/** Until nothing is under way any more, and what was put on the page is painted. */
export async function rest(): Promise<void> {
  await scripts.rest();
  await frames();
  await scripts.rest();
}

/** Until what can wait for a quiet moment is done, too. */
export async function idle(): Promise<void> {
  await settle(160);
  await rest();
}

/** The visitor goes to another page, or away. */
export const leave = () => dispatchEvent(new Event("pagehide"));

/** From here on time passes only where the test says so. */
export const fakeTime = () => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
export const pass = async (ms: number) => {
  await vi.advanceTimersByTimeAsync(ms);
  await rest();
};

export const root = () => document.querySelector("#cm-root")!.shadowRoot!;
export const bar = () => root().querySelector<HTMLElement>(".cm-bar");
const buttons = () => [...bar()!.querySelectorAll("button")];
/** 0 = allow, 1 = refuse, 2 = choose. */
export const press = (index: number) => buttons()[index]!.click();
export const focus = (index: number) => buttons()[index]!.focus();
export const labels = () => buttons().map((one) => one.textContent);
export const note = () => bar()!.querySelector(".cm-note")?.textContent;
export const corner = () => root().querySelector<HTMLElement>(".cm-corner")!;
export const dialog = () => root().querySelector<HTMLDialogElement>(".cm-dialog");
export const toast = () => root().querySelector(".cm-toast")!.textContent;

export const sent = (path: string) =>
  posts.filter((one) => one.path === path).map((one) => one.body);
export const store = (more: Partial<Choices>) => {
  document.cookie = `cm_choices=${encode(chosen(more), config.ids)};Path=/`;
};
/** Flags in the cookie: 1 = with a browser signal, 2 = a decision that was not recorded yet. */
export const flags = () => /cm_choices=1\.\d+\.\d+\.(\d)/.exec(document.cookie)?.[1];

/** The way to the settings that the page itself has. */
export const LINK = `<a data-cm-open>settings</a>`;
/** Follow it, while the clock stands still. */
export const openSettings = async () => {
  document.querySelector<HTMLElement>("[data-cm-open]")!.click();
  await pass(0);
};
/** A tag that has to be allowed, or that notice is enough for, and what it puts on the page. */
export const OWN = `<template data-cm-tag="own"><img id="pixel" src="/p.gif"></template>`;
/** One that is strictly necessary. */
export const CART = OWN.replace("own", "cart");
/** One whose script stops only when the page is loaded again. */
export const ADS = `<template data-cm-tag="ads"><script>void 0</script></template>`;
export const pixel = () => document.querySelector("#pixel");

/** How it was decided, each time that something was. */
export function methods(): unknown[] {
  const heard: unknown[] = [];
  document.addEventListener("cm:change", (event) =>
    heard.push((event as CustomEvent).detail.method),
  );
  return heard;
}

/** The visitor goes on: what is stored stays, the page does not. */
export function nextPage(): void {
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

beforeAll(warmUp);
beforeEach(() => {
  isolate();
  vi.stubGlobal("indexedDB", new IDBFactory());
  // jsdom knows the element, not what it does.
  HTMLDialogElement.prototype.showModal = vi.fn(function (this: HTMLDialogElement) {
    this.open = true;
  });
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
