// The proof of being shown: asked for once, brought along by the first decision, waited for by none.

import { describe, expect, test, vi } from "vitest";
import {
  all,
  answers,
  config,
  fakeTime,
  idle,
  leave,
  load,
  manager,
  nextPage,
  pass,
  posts,
  press,
  rest,
  sent,
  store,
  visit,
} from "./page.ts";
import { chosen, frames, meaningMore, recorded } from "./site.ts";

/** The first one is that of the first showing, if there is one. */
const proofs = (...texts: string[]) => {
  const answer = fetch;
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const response = await answer(url, init);
    const impression = texts.length > 1 ? texts.shift() : texts[0];
    return url.endsWith("/v1/shown") ? Response.json({ impression }) : response;
  });
};
const paths = () => posts.map((one) => one.path);
const acknowledge = (choices = chosen({ refused: all })) =>
  (answers["/v1/consents"] = { ...recorded().body, choices });

describe("the proof of being shown", () => {
  test("is asked for when an answer comes, and brought along by it", async () => {
    proofs("a-proof");
    await load();
    expect(sent("/v1/shown")).toEqual([]);
    press(1);
    await rest();

    expect(paths()).toEqual(["/v1/shown", "/v1/consents"]);
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", impression: "a-proof" }]);
    const [{ waited, first }] = sent("/v1/shown") as [{ waited: number; first: boolean }];
    expect(first).toBe(true);
    expect(Number.isInteger(waited) && waited >= 0 && waited < 60_000).toBe(true);
    expect(document.cookie).toContain("cm_shown=3");
  });

  test("of a showing that was counted already is the same, and no press is told of", async () => {
    proofs("counted", "another");
    fakeTime();
    await visit();
    await frames();
    await pass(5000);
    press(0);
    await pass(3000);
    leave();

    expect(sent("/v1/shown")).toMatchObject([{ surface: "bar", waited: null }]);
    expect(sent("/v1/consents")).toMatchObject([{ method: "allow", impression: "counted" }]);
  });

  test("is asked for anew, and no showing, by a later page that sends what waits", async () => {
    proofs("lost", "found");
    delete answers["/v1/consents"];
    await load();
    press(1);
    await rest();
    nextPage();
    posts.length = 0;
    acknowledge();
    await load();
    await idle();

    expect(sent("/v1/shown")).toEqual([
      { site: "kloset", notice: 3, language: "ja", surface: "api" },
    ]);
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse", impression: "found" }]);
  });

  test("comes with what the page itself asked about", async () => {
    proofs("asked");
    document.cookie = "cm_shown=3;Path=/";
    store({ refused: all });
    await load();
    await manager.set({ purposes: { analytics: true } });
    await rest();

    expect(sent("/v1/shown")).toMatchObject([{ surface: "api" }]);
    expect(sent("/v1/consents")).toMatchObject([{ impression: "asked" }]);
  });

  test("is not needed by a browser that the service knows", async () => {
    proofs("first", "second");
    acknowledge();
    await load();
    press(1);
    await rest();
    await manager.set({ purposes: { analytics: false } });
    await rest();

    expect(sent("/v1/shown")).toHaveLength(1);
    expect(sent("/v1/consents").map((body) => body.impression)).toEqual(["first", undefined]);
  });

  test("is good for one decision: the next one before an answer brings its own", async () => {
    proofs("first", "second");
    delete answers["/v1/consents"];
    await load();
    press(0);
    await rest();
    acknowledge();
    await manager.set({ purposes: { analytics: false } });
    await rest();

    const [, second] = sent("/v1/consents");
    expect(sent("/v1/consents")[0]!.impression).toBe("first");
    expect(second!.impression).toBe("second");
  });

  test.each(["blocked", "an error", "no JSON"])(
    "that cannot be had (%s) costs no decision",
    async (how) => {
      const answer = fetch;
      vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
        const response = await answer(url, init);
        if (!url.endsWith("/v1/shown")) return response;
        if (how === "blocked") throw new TypeError("blocked");
        return how === "an error"
          ? Response.json({ code: "unavailable" }, { status: 503 })
          : new Response("<html>");
      });
      await load();
      press(1);
      await rest();

      const [body] = sent("/v1/consents");
      expect(body).toMatchObject({ method: "refuse" });
      expect(body).not.toHaveProperty("impression");
      expect(body).not.toHaveProperty("code");
    },
  );

  test("that does not come is not waited for longer than a moment", async () => {
    const answer = fetch;
    vi.stubGlobal("fetch", (url: string, init: RequestInit) =>
      url.endsWith("/v1/shown") ? new Promise(() => {}) : answer(url, init),
    );
    fakeTime();
    await load();
    press(1);
    await pass(200);
    await pass(1400);
    expect(sent("/v1/consents")).toEqual([]);
    await pass(200);
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse" }]);
  });

  test("is not waited for by a page that is left", async () => {
    const answer = fetch;
    vi.stubGlobal("fetch", (url: string, init: RequestInit) =>
      url.endsWith("/v1/shown") ? new Promise(() => {}) : answer(url, init),
    );
    fakeTime();
    await load();
    press(1);
    await pass(200);
    expect(sent("/v1/consents")).toEqual([]);
    leave();
    await pass(0);
    expect(sent("/v1/consents")).toMatchObject([{ method: "refuse" }]);
  });
});

describe("what a showing tells", () => {
  const from = (referrer: string) =>
    vi.spyOn(document, "referrer", "get").mockReturnValue(referrer);

  test.each([
    ["https://www.google.co.jp/search?q=secret", "www.google.co.jp"],
    ["android-app://com.google.android.googlequicksearchbox/", "com.google.android.googlequicksearchbox"],
    ["", ""],
  ])("from where: of %j only %j", async (referrer, host) => {
    from(referrer);
    await load();
    leave();
    expect(sent("/v1/shown")).toMatchObject([{ referrer: host }]);
    expect(JSON.stringify(posts)).not.toContain("secret");
  });

  test("the arm of an experiment, where one runs", async () => {
    await load({ variant: "exp:b" });
    leave();
    expect(sent("/v1/shown")).toMatchObject([{ variant: "exp:b" }]);
    expect(config).not.toHaveProperty("variant");
  });

  test("that what had been chosen is asked about anew", async () => {
    store({ granted: all, notice: 2 });
    await load(meaningMore("purpose:advertising"));
    leave();
    expect(sent("/v1/shown")).toMatchObject([{ first: null }]);
  });
});
