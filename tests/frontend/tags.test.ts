import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { forget, matches } from "../../static/src/effects/cookies.ts";
import { inOrder } from "../../static/src/effects/in_order.ts";
import { createTags, type InOrder, type Tags } from "../../static/src/effects/tags.ts";
import {
  watchTags,
  type Placeholder,
  type WatchedTags,
} from "../../static/src/effects/watch_tags.ts";
import type { Device } from "../../static/src/device.ts";
import type { SiteTag } from "../../static/src/core/types.ts";
import { clearBrowser, isolate, release, settle, site } from "./site.ts";

// Inline scripts of the page run in jsdom's own window, not in the test's.
const page = (globalThis as unknown as { jsdom: { window: Record<string, unknown> } }).jsdom.window;
let open: Record<string, string | undefined> = {};
let device: Device;
let tags: Tags;
let watched: WatchedTags;
/** What was announced of a tag: its code and the reason. */
const reports: [string, string][] = [];

/** What the loader does alone. `known`: what the notice knows of tags. */
function start(
  markup: string,
  known: Record<string, Partial<SiteTag>> = {},
  order: InOrder = inOrder,
): void {
  document.body.innerHTML = markup;
  document.addEventListener("cm:tag", (event) => {
    const { tag, reason } = (event as CustomEvent).detail;
    reports.push([tag, reason]);
  });
  device = {
    config: { tags: known },
    decide: (code: string) => ({
      allowed: /^granted$|^exempt$/.test(open[code]!),
      reason: open[code] ?? "no_choice",
      withheld: [],
    }),
  } as unknown as Device;
  tags = createTags(device, order);
  tags.scan(document);
}

/** What act.js adds to that. */
function watch(placeholder: Placeholder = () => {}): void {
  watched = watchTags(device, tags, placeholder);
}

/** From now on the gate says this. */
function turn(next: typeof open): void {
  open = next;
  tags.slots().forEach(tags.settle);
}

/** It is sure that no stored refusal was missed. */
function openAll(): void {
  device.isOpen = true;
  turn(open);
}

beforeEach(isolate);
afterEach(() => {
  release();
  open = {};
  reports.length = 0;
  delete page.order;
  clearBrowser();
});

/** External scripts on the page, in the order in which they stand there. */
const scripts = () =>
  [...document.querySelectorAll<HTMLScriptElement>("body script[src]")].map(
    (one) => new URL(one.src).pathname,
  );

/** A tag that is known by its address alone. */
const DECLARED = { a: { loader_url: "https://tags.example/declared.js" } };
const INLINE = (word: string) => `<script>(window.order ??= []).push("${word}")</script>`;

describe("release and hold", () => {
  test("nothing inert runs or loads while the gate is closed", async () => {
    start(`<template data-cm-tag="a">${INLINE("a")}<img src="/p.gif">
      <iframe src="/f"></iframe></template>
      <script type="text/plain" data-cm-tag="a">window.order = ["plain"]</script>`);
    openAll();
    await settle();
    expect(page.order).toBeUndefined();
    expect(document.querySelector("body > img, body > iframe")).toBeNull();
  });

  test("before it is sure what was stored only exempt tags run, even if others may", async () => {
    open = { need: "exempt", a: "granted" };
    start(
      `<template data-cm-tag="a">${INLINE("a")}</template>` +
        `<template data-cm-tag="need">${INLINE("need")}</template>`,
    );
    await settle();
    expect(page.order).toEqual(["need"]);
    openAll();
    await settle();
    expect(page.order).toEqual(["need", "a"]);
  });

  test("scripts run in order, each after the one before it has loaded", async () => {
    open = { a: "granted" };
    start(
      `<template data-cm-tag="a"><script src="/1.js"></script>${INLINE("2")}` +
        `<div><script src="/3.js"></script></div>${INLINE("4")}</template>`,
    );
    openAll();
    await settle();
    expect(document.querySelectorAll("body > script, body > div script")).toHaveLength(1);
    document.querySelector('script[src="/1.js"]')!.dispatchEvent(new Event("load"));
    await settle();
    expect(page.order).toEqual(["2"]);
    // A vendor that is down holds nothing back.
    document.querySelector('script[src="/3.js"]')!.dispatchEvent(new Event("error"));
    await settle();
    expect(page.order).toEqual(["2", "4"]);
  });

  test("an async script is not waited for, and one tag does not wait for another", async () => {
    open = { a: "granted", b: "granted" };
    start(`<template data-cm-tag="a"><script async src="/1.js"></script>${INLINE("a")}</template>
      <template data-cm-tag="b"><script src="/slow.js"></script></template>
      <template data-cm-tag="a">${INLINE("a2")}</template>`);
    openAll();
    await settle();
    expect(page.order).toEqual(["a", "a2"]);
  });

  test("text/plain scripts come alive once, with their own type", async () => {
    open = { a: "granted" };
    start(`<script type="text/plain" data-cm-tag="a">(window.order ??= []).push("plain")</script>
      <script type="text/plain" data-type="module" data-cm-tag="a" src="/m.js" crossorigin></script>`);
    openAll();
    turn(open);
    await settle();
    expect(page.order).toEqual(["plain"]);
    const live = document.querySelector<HTMLScriptElement>(
      'script[src="/m.js"]:not([data-cm-tag])',
    )!;
    expect([live.type, live.crossOrigin]).toEqual(["module", ""]);
  });

  test("a tag without markup of its own is loaded by its address", async () => {
    open = { a: "granted" };
    start(`<template data-cm-tag="a"></template>`, DECLARED);
    openAll();
    await settle();
    expect(scripts()).toEqual(["/declared.js"]);
  });

  test("what is found while the page is parsed is taken on once", async () => {
    open = { a: "granted" };
    const markup = `<template data-cm-tag="a">${INLINE("a")}</template>`;
    start(markup);
    openAll();
    document.body.insertAdjacentHTML("beforeend", markup);
    expect(tags.scan(document).map(({ source }) => source)).toEqual([
      document.body.lastElementChild,
    ]);
    expect(tags.scan(document)).toEqual([]);
    await settle();
    expect(page.order).toEqual(["a", "a"]);
  });

  test("nodes that are added later wait for the gate, too", async () => {
    open = { a: "granted" };
    start("");
    watch();
    openAll();
    document.body.insertAdjacentHTML(
      "beforeend",
      `<section><template data-cm-tag="a">${INLINE("late")}</template>
      <template data-cm-tag="b">${INLINE("never")}</template></section>`,
    );
    await settle();
    expect(page.order).toEqual(["late"]);
    document.body.insertAdjacentHTML(
      "beforeend",
      `<template data-cm-tag="a">${INLINE("later")}</template>`,
    );
    await settle();
    expect(page.order).toEqual(["late", "later"]);
  });

  test("what has left the page is not opened any more", async () => {
    start(`<template data-cm-tag="a">${INLINE("gone")}</template>`);
    watch();
    openAll();
    document.body.replaceChildren();
    open = { a: "granted" };
    watched.update();
    await settle();
    expect(page.order).toBeUndefined();
    expect([tags.slots().length, tags.ran.size]).toEqual([0, 0]);
  });

  test("frames and pixels leave the page when the gate closes; a script that ran is named", async () => {
    open = { a: "granted", b: "granted" };
    start(`<template data-cm-tag="a"><img id="pixel" src="/p.gif">
      <link rel="preload" id="hint"></template>
      <template data-cm-tag="b">${INLINE("b")}</template>`);
    watch();
    openAll();
    await settle();
    expect(document.querySelector("#pixel")).not.toBeNull();
    open = {};
    expect(watched.update()).toEqual(["b"]);
    expect(document.querySelector("#pixel, #hint, body > script")).toBeNull();
    open = { a: "granted" };
    expect(watched.update()).toEqual(["b"]);
    expect(document.querySelector("#pixel")).not.toBeNull();
  });

  test("the loader alone takes them off the page, too, and knows what ran", async () => {
    open = { a: "granted", b: "granted" };
    start(`<template data-cm-tag="a"><iframe id="film" src="/f"></iframe><img src="/p.gif"></template>
      <template data-cm-tag="b">${INLINE("b")}</template>`);
    openAll();
    await settle();
    expect(document.querySelectorAll("body > iframe, body > img")).toHaveLength(2);
    turn({});
    expect(document.querySelector("body > iframe, body > img, body > script")).toBeNull();
    expect([...tags.ran]).toEqual(["b"]);
  });

  test("closing stops the scripts that still wait in the queue", async () => {
    open = { a: "granted" };
    start(
      `<template data-cm-tag="a"><script src="/1.js"></script>${INLINE("too late")}</template>`,
    );
    openAll();
    await settle();
    const first = document.querySelector('script[src="/1.js"]')!;
    turn({});
    first.dispatchEvent(new Event("load"));
    await settle();
    expect(page.order).toBeUndefined();
  });

  // jsdom does not know these two.
  for (const { prototype } of [HTMLScriptElement, HTMLLinkElement]) {
    for (const name of ["integrity", "referrerPolicy"]) {
      Object.defineProperty(prototype, name, {
        configurable: true,
        get(this: Element) {
          return this.getAttribute(name) ?? "";
        },
        set(this: Element, value: string) {
          this.setAttribute(name, value);
        },
      });
    }
  }

  test("scripts that wait are downloaded meanwhile, as they will be asked for", async () => {
    open = { a: "granted" };
    start(`<template data-cm-tag="a">
      <script src="/1.js"></script>
      <script src="/2.js" crossorigin integrity="sha384-x" referrerpolicy="no-referrer"></script>
      ${INLINE("3")}
      <script type="module" src="/4.js"></script>
      <script async src="/5.js"></script>
    </template>`);
    openAll();
    await settle();
    const hints = [...document.head.querySelectorAll("link")];
    expect(hints.map((one) => [one.rel, one.as, new URL(one.href).pathname])).toEqual([
      ["preload", "script", "/2.js"],
      ["modulepreload", "script", "/4.js"],
    ]);
    // What differs would be downloaded twice.
    const [second] = hints;
    expect([second!.crossOrigin, second!.integrity, second!.referrerPolicy]).toEqual([
      "",
      "sha384-x",
      "no-referrer",
    ]);
    expect(scripts()).toEqual(["/1.js"]);
    for (const path of ["/1.js", "/2.js", "/4.js"]) {
      document.querySelector(`script[src="${path}"]`)!.dispatchEvent(new Event("load"));
      await settle();
    }
    expect(page.order).toEqual(["3"]);
    expect(scripts()).toEqual(["/1.js", "/2.js", "/4.js", "/5.js"]);
  });

  test("nothing is downloaded for a tag that is closed, nor for one script alone", async () => {
    open = { a: "granted" };
    start(`<template data-cm-tag="a"><script src="/1.js"></script></template>
      <template data-cm-tag="b"><script src="/2.js"></script><script src="/3.js"></script></template>`);
    openAll();
    await settle();
    expect(document.head.querySelector("link")).toBeNull();
  });

  test("the scripts of two tags are under way side by side, each in its own order", async () => {
    open = { a: "granted", b: "granted" };
    const two = (name: string) =>
      `<template data-cm-tag="${name}"><script src="/${name}1.js"></script>` +
      `<script src="/${name}2.js"></script></template>`;
    start(two("a") + two("b"));
    openAll();
    await settle();
    expect(scripts()).toEqual(["/a1.js", "/b1.js"]);
    document.querySelector('script[src="/b1.js"]')!.dispatchEvent(new Event("load"));
    await settle();
    expect(scripts()).toEqual(["/a1.js", "/b1.js", "/b2.js"]);
  });

  test("closed and opened again, its markup comes back and its scripts do not run twice", async () => {
    open = { a: "granted" };
    start(
      `<template data-cm-tag="a"><img id="pixel" src="/p.gif">${INLINE("a")}` +
        `<script src="/1.js"></script></template>`,
    );
    openAll();
    await settle();
    expect(page.order).toEqual(["a"]);
    document.querySelector('script[src="/1.js"]')!.dispatchEvent(new Event("load"));
    turn({});
    expect(document.querySelector("#pixel")).toBeNull();
    turn({ a: "granted" });
    await settle();
    expect(document.querySelector("#pixel")).not.toBeNull();
    expect(page.order).toEqual(["a"]);
    expect(scripts()).toEqual([]);
  });

  test("nor does a script that waits for no other", async () => {
    open = { a: "granted" };
    start(`<template data-cm-tag="a"><img id="pixel" src="/p.gif">${INLINE("a")}</template>`);
    openAll();
    turn({});
    turn({ a: "granted" });
    await settle();
    expect(document.querySelector("#pixel")).not.toBeNull();
    expect(page.order).toEqual(["a"]);
  });

  test("a tag whose scripts have not run yet is not named", async () => {
    open = { a: "granted" };
    start(
      `<template data-cm-tag="a"><script src="/1.js"></script>${INLINE("a")}</template>`,
      {},
      // What runs them is fetched, and has not come.
      () => new Promise(() => {}),
    );
    watch();
    openAll();
    expect([...tags.ran]).toEqual([]);
    open = {};
    expect(watched.update()).toEqual([]);
  });

  test("closed before its script ran, it runs when it is opened again", async () => {
    open = { a: "granted" };
    // The second one waits for the first.
    start(
      `<template data-cm-tag="a"><script src="/slow.js"></script></template>` +
        `<template data-cm-tag="a">${INLINE("a")}</template>`,
    );
    openAll();
    const slow = document.querySelector('script[src="/slow.js"]')!;
    turn({});
    await settle();
    expect(page.order).toBeUndefined();
    turn({ a: "granted" });
    slow.dispatchEvent(new Event("load"));
    await settle();
    expect(page.order).toEqual(["a"]);
  });

  test("a tag that is declared by its address alone is not loaded twice either", async () => {
    open = { a: "granted" };
    start(`<template data-cm-tag="a"></template>`, DECLARED);
    watch();
    for (const state of ["granted", undefined, "granted"]) {
      open = { a: state };
      openAll();
      await settle();
    }
    expect(scripts()).toEqual([]);
    expect(watched.update()).toEqual([]);
    open = {};
    expect(watched.update()).toEqual(["a"]);
  });

  test("each tag is reported when its reason changes", () => {
    start(`<template data-cm-tag="a"></template><template data-cm-tag="a"></template>`);
    watch();
    // It is not sure yet.
    expect(reports).toEqual([]);
    openAll();
    watched.update();
    watched.update();
    open = { a: "granted" };
    watched.update();
    expect(reports).toEqual([
      ["a", "no_choice"],
      ["a", "granted"],
    ]);
  });

  test("what the loader had opened is reported when there is somebody to say so", () => {
    open = { a: "granted" };
    start(`<template data-cm-tag="a"></template>`);
    openAll();
    expect(reports).toEqual([]);
    watch();
    expect(reports).toEqual([["a", "granted"]]);
  });
});

const FRAME = `<template data-cm-tag="a"><iframe id="film" src="/f"></iframe></template>`;
const room = () => document.querySelector<HTMLElement>(".cm-placeholder");
const rooms = () => document.querySelectorAll(".cm-placeholder");

describe("room for an embed", () => {
  test.each(["iframe", "embed", "object", "video", "audio"])(
    "is kept by the loader alone, in front of its tag: %s",
    (kind) => {
      start(`<template data-cm-tag="a"><div><${kind}></${kind}></div></template>`);
      expect(rooms()).toHaveLength(1);
      expect(room()!.nextElementSibling).toBe(document.querySelector("template"));
    },
  );

  test.each([
    [`width="480" height="270"`, ["480px", "270px"]],
    // As wide as its line, and of a height that fits most.
    [``, ["", "200px"]],
    // No number of pixels.
    [`width="100%" height="50%"`, ["", ""]],
  ])("has the size of what it stands for: %s", (size, expected) => {
    start(`<template data-cm-tag="a"><iframe ${size}></iframe></template>`);
    const { style } = room()!;
    expect([style.width, style.minHeight]).toEqual(expected);
    expect([style.display, style.maxWidth]).toEqual(["block", "100%"]);
  });

  test("is kept for nothing that has no place on the page", () => {
    start(`<template data-cm-tag="a"><img src="/p.gif">${INLINE("a")}</template>
      <script type="text/plain" data-cm-tag="a">"<iframe></iframe>"</script>`);
    openAll();
    expect(room()).toBeNull();
  });

  test("is not kept where the embed is about to come", () => {
    open = { a: "granted" };
    start(FRAME);
    expect(document.querySelector("#film")).toBeNull();
    expect(room()).toBeNull();
  });

  test("is not kept for a tag that the notice does not know", () => {
    open = { a: "unknown_tag" };
    start(FRAME);
    openAll();
    expect(room()).toBeNull();
  });

  test("goes when the embed comes, and comes back once when it goes", () => {
    start(FRAME);
    openAll();
    turn(open);
    expect(rooms()).toHaveLength(1);
    turn({ a: "granted" });
    expect(room()).toBeNull();
    expect(document.querySelector("#film")).not.toBeNull();
    turn({});
    turn({});
    expect(document.querySelector("#film")).toBeNull();
    expect(rooms()).toHaveLength(1);
  });
});

describe("placeholders", () => {
  test("stand where a frame may not load, and only there", () => {
    const placeholder = vi.fn();
    start(FRAME + `<template data-cm-tag="a"><img src="/p.gif"></template>`);
    const kept = room();
    watch(placeholder);
    openAll();
    watched.update();
    expect(placeholder).toHaveBeenCalledOnce();
    expect(placeholder.mock.calls[0]!.slice(0, 3)).toEqual([
      kept,
      "a",
      { allowed: false, reason: "no_choice", withheld: [] },
    ]);
    // In the room that the loader has kept, and it has not moved.
    expect(placeholder.mock.calls[0]![0]).toBe(room());
    expect(rooms()).toHaveLength(1);
    expect(room()!.nextElementSibling!.tagName).toBe("TEMPLATE");
    open = { a: "granted" };
    watched.update();
    expect(room()).toBeNull();
    expect(document.querySelector("#film")).not.toBeNull();
    open = {};
    watched.update();
    expect(room()).not.toBeNull();
    expect(placeholder).toHaveBeenCalledTimes(2);
    expect(placeholder.mock.calls[1]![0]).toBe(room());
    expect(document.querySelector("#film")).toBeNull();
  });

  test("stand in the room of an embed that the loader has closed", () => {
    const placeholder = vi.fn();
    open = { a: "granted" };
    start(FRAME);
    watch(placeholder);
    openAll();
    expect(placeholder).not.toHaveBeenCalled();
    // A decision closes it before anybody can say why.
    turn({});
    expect(placeholder).not.toHaveBeenCalled();
    watched.update(true);
    expect(placeholder).toHaveBeenCalledOnce();
    expect(placeholder.mock.calls[0]![0]).toBe(room());
  });

  test("stand nowhere for a tag that the notice does not know", () => {
    const placeholder = vi.fn();
    open = { a: "unknown_tag" };
    start(FRAME);
    watch(placeholder);
    openAll();
    watched.update();
    expect(placeholder).not.toHaveBeenCalled();
    expect(room()).toBeNull();
  });

  test("stand where an embed is added later, too, and it is reported", async () => {
    const placeholder = vi.fn();
    start("");
    watch(placeholder);
    openAll();
    document.body.insertAdjacentHTML("beforeend", `<section>${FRAME}</section>`);
    await settle();
    expect(placeholder).toHaveBeenCalledOnce();
    expect(placeholder.mock.calls[0]![0]).toBe(room());
    expect(reports).toEqual([["a", "no_choice"]]);
  });

  test("once opens this frame only, until the next decision", () => {
    const opens: (() => void)[] = [];
    start(FRAME + FRAME.replace("film", "other"));
    watch((_place, _code, _decision, once) => void opens.push(once));
    openAll();
    opens[0]!();
    watched.update();
    expect(document.querySelector("#film")).not.toBeNull();
    expect(document.querySelector("#other")).toBeNull();
    expect(rooms()).toHaveLength(1);
    watched.update(true);
    expect(document.querySelector("#film")).toBeNull();
    expect(rooms()).toHaveLength(2);
    // It says again why it is empty, and can be opened again.
    expect(opens).toHaveLength(3);
    opens[2]!();
    expect(document.querySelector("#film")).not.toBeNull();
  });
});

describe("what a tag left behind", () => {
  const { tags: known } = site();

  test("names match exactly or by prefix", () => {
    expect(matches("_ga", "_ga")).toBe(true);
    expect(matches("_ga", "_gat")).toBe(false);
    expect(matches("_ga_*", "_ga_X1")).toBe(true);
    expect(matches("_ga_*", "_ga")).toBe(false);
  });

  test("declared cookies and storage keys go, on every path; others stay", () => {
    document.cookie = "_ga=1;Path=/";
    document.cookie = "_ga_ABC=1;Path=/shop";
    document.cookie = "_gallery=1;Path=/";
    document.cookie = "cart=1;Path=/";
    localStorage.setItem("ga.client", "1");
    sessionStorage.setItem("ga.session", "1");
    localStorage.setItem("basket", "1");
    forget([known.stats!], []);
    expect(document.cookie.split("; ").sort()).toEqual(["_gallery=1", "cart=1"]);
    expect([localStorage.length, sessionStorage.length]).toEqual([1, 0]);
  });

  test("a cookie on a parent domain goes, too", () => {
    document.cookie = "cto_bundle=1;Path=/;Domain=kloset.example";
    expect(document.cookie).toContain("cto_bundle");
    forget([known.ads!], []);
    expect(document.cookie).not.toContain("cto_bundle");
  });

  test("a name that a running tag declares as well stays", () => {
    document.cookie = "_shared=1;Path=/";
    forget([known.more_ads!], [known.own!]);
    expect(document.cookie).toBe("_shared=1");
    forget([known.more_ads!, known.own!], []);
    expect(document.cookie).toBe("");
  });
});
