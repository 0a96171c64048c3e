import { beforeEach, describe, expect, test, vi } from "vitest";
import { all, answers, fakeTime, load, pass, posts, press, scripts, sent, store, visit } from "./page.ts";

/** Milliseconds that the page has been open when the script comes. */
let open = 0;
let activated: number | undefined;

beforeEach(() => {
  fakeTime();
  open = 2000;
  activated = undefined;
  vi.spyOn(performance, "now").mockImplementation(() => open);
  vi.spyOn(performance, "getEntriesByType").mockImplementation(
    () => [{ activationStart: activated }] as unknown as PerformanceEntryList,
  );
  answers["/v1/pages"] = {};
});

const views = () => sent("/v1/pages");

describe("a site that counts page views", () => {
  test("counts one once the page has settled, by what is allowed then", async () => {
    store({ granted: all.filter((id) => !id.includes("advertising")) });
    await load({ views: true });
    await pass(3900);
    expect(views()).toEqual([]);
    await pass(200);
    expect(views()).toEqual([{ site: "kloset", granted: ["analytics", "functional"] }]);
    await pass(60_000);
    expect(views()).toHaveLength(1);
  });

  test("counts the view of somebody who refused, with nothing but what is always allowed", async () => {
    store({ refused: all });
    await load({ views: true });
    await pass(4100);
    expect(views()).toEqual([{ site: "kloset", granted: [] }]);
  });

  test("counts what was decided while the page was open", async () => {
    await visit({ views: true });
    await pass(0);
    press(0);
    await pass(4100);
    expect(views()[0]!.granted).toContain("advertising");
  });

  test("counts the view of somebody who has not answered, when the rest has begun", async () => {
    await visit({ views: true });
    await pass(5100);
    open = 7000;
    await pass(4100);
    expect(views()).toEqual([{ site: "kloset", granted: [] }]);
  });

  test("sends neither cookie nor identifier nor the page's address", async () => {
    store({ granted: all });
    await load({ views: true });
    await pass(4100);
    const { init, search } = posts.find(({ path }) => path === "/v1/pages")!;
    expect(init.credentials).toBe("omit");
    expect(init.referrerPolicy).toBe("origin");
    expect(init.headers).toBeUndefined();
    expect(search).toBe("");
    expect(Object.keys(JSON.parse(init.body as string) as object)).toEqual(["site", "granted"]);
  });

  test("does not mind a service that is away", async () => {
    delete answers["/v1/pages"];
    store({ granted: all });
    await load({ views: true });
    await pass(4100);
    expect(views()).toHaveLength(1);
  });

  test("counts a page that was fetched ahead from when it is looked at, or never", async () => {
    Object.defineProperty(document, "prerendering", { value: true, configurable: true });
    try {
      store({ granted: all });
      await load({ views: true });
      await pass(20_000);
      expect(views()).toEqual([]);
      open = activated = 30_000;
      document.dispatchEvent(new Event("prerenderingchange"));
      await pass(5900);
      expect(views()).toEqual([]);
      await pass(200);
      expect(views()).toHaveLength(1);
    } finally {
      delete (document as { prerendering?: unknown }).prerendering;
    }
  });
});

test("another site fetches nothing for it and counts none", async () => {
  store({ granted: all });
  await load();
  await pass(20_000);
  expect(scripts.fetched).not.toContain("views");
  expect(views()).toEqual([]);
});
