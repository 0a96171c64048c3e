import { describe, expect, test, vi } from "vitest";
import {
  all,
  bar,
  config,
  corner,
  fakeTime,
  idle,
  leave,
  load,
  manager,
  nextPage,
  note,
  posts,
  rest,
  root,
  scripts,
  sent,
  store,
  visit,
} from "./page.ts";
import { ENDPOINT, frames, meaningMore } from "./site.ts";

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
        referrer: "",
        waited: null,
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

  test("in California's words where the service sends those", async () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true, language: "en" });
    const wording = structuredClone(config.wording);
    wording.ja!.gpc_honoured = "Opt-Out Request Honored";
    await load({ wording });
    expect(note()).toBe("Opt-Out Request Honored");
  });

  describe("where a link is enough", () => {
    const signal = () =>
      vi.stubGlobal("navigator", { globalPrivacyControl: true, language: "en" });
    const toast = () => root().querySelector(".cm-toast")!.textContent;

    test("is not shown: the link is there instead", async () => {
      await load({ presentation: "link" });
      expect(bar()).toBeNull();
      expect(corner().hidden).toBe(false);
      expect(toast()).toBe("");
    });

    test("notice was given once the link was there to be seen", async () => {
      fakeTime();
      await load({ presentation: "link" });
      await vi.advanceTimersByTimeAsync(4900);
      expect([sent("/v1/shown"), document.cookie]).toEqual([[], ""]);
      await vi.advanceTimersByTimeAsync(100);
      leave();
      expect(sent("/v1/shown")).toMatchObject([{ surface: "link", first: true }]);
      expect(document.cookie).toBe("cm_shown=3");
      // Not on this page, which began without it.
      expect(manager.why("own").reason).toBe("no_choice");
      vi.useRealTimers();
      nextPage();
      await load({ presentation: "link" });
      expect(manager.why("own").reason).toBe("notice_given");
      expect(manager.why("stats").reason).toBe("no_choice");
    });

    test("a page that was left before the link was there has shown nothing", async () => {
      await visit({ presentation: "link" });
      leave();
      expect([sent("/v1/shown"), document.cookie]).toEqual([[], ""]);
    });

    test("who has answered is not counted as shown", async () => {
      store({ granted: all });
      await load({ presentation: "link" });
      leave();
      expect(sent("/v1/shown")).toEqual([]);
    });

    test("what is new since the answer is shown by the link as well", async () => {
      store({ granted: all, notice: 2 });
      await load({ presentation: "link", ...meaningMore("purpose:advertising") });
      leave();
      expect(bar()).toBeNull();
      expect(sent("/v1/shown")).toHaveLength(1);
    });

    test("says on the first visit that the browser's signal was honoured", async () => {
      signal();
      await load({ presentation: "link" });
      expect(toast()).toContain("ja gpc_honoured");
      leave();
      nextPage();
      await load({ presentation: "link" });
      expect(toast()).toBe("");
    });
  });

  test("says that the browser's signal was honoured", async () => {
    vi.stubGlobal("navigator", { globalPrivacyControl: true, language: "en" });
    await load();
    expect(note()).toContain("ja gpc_honoured");
    expect(manager.why("ads").reason).toBe("browser_signal");
  });

  test("left by Escape before the rest came, it leaves the way back", async () => {
    await visit({ presentation: "dialog" });
    (root().firstElementChild as HTMLDialogElement).open = false;
    await manager.ready();
    await rest();
    expect(bar()).toBeNull();
    expect(corner().hidden).toBe(false);
  });
});
