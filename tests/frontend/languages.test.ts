import { describe, expect, test, vi } from "vitest";
import {
  answers,
  bar,
  labels,
  leave,
  load,
  note,
  posts,
  press,
  rest,
  root,
  scripts,
  sent,
  toast,
} from "./page.ts";
import { catalogue, words } from "./site.ts";

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

  test("what is said without the service is said in it, too", async () => {
    answers["/v1/bootstrap"] = catalogue(words("ko"));
    await load({}, "ko");
    scripts.isAway = true;
    press(2);
    await rest();
    expect(labels()[0]).toContain("ko allow");
    expect(note()).toContain("ko offline_note");
  });
});
