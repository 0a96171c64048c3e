// What partners call this browser: read before it is deleted, sent with the refusal, kept until then.

import { beforeEach, describe, expect, test } from "vitest";
import { readIdentifiers } from "../../static/src/effects/identifiers.ts";
import { createDevice } from "../../static/src/device.ts";
import {
  all,
  answers,
  idle,
  load,
  manager,
  nextPage,
  posts,
  press,
  rest,
  scripts,
  sent,
  store,
  visit,
  without,
} from "./page.ts";
import { chosen, keptOf, putInDatabase, site } from "./site.ts";

const IDENTIFIERS = { google: { ga_client_id: "_ga" }, criteo: { cookie_id: "cto_bundle" } };
const SETTINGS = { identifiers: IDENTIFIERS };
const GA = "GA1.1.8.9";
const ALLOWED = { granted: all };

/** What the service says to a decision: as far as it matters here. */
const RECORDED = {
  receipt: { key: "r", recorded_at: "", method: "refuse", choices: {} },
  deliveries: [],
};
const refusedAtService = () => (answers["/v1/consents"] = { ...RECORDED, choices: chosen({ refused: all, seq: 1 }) });

/** As the partners' scripts have set them. */
const setCookies = () => {
  document.cookie = `_ga=${GA};Path=/`;
  document.cookie = "cto_bundle=c-7;Path=/";
};
/** Everything in the browser's database, as text. */
const inStore = async () => {
  const { readKept } = await import("../../static/src/io/database.ts");
  return JSON.stringify(await readKept());
};

beforeEach(() => {
  store(ALLOWED);
  setCookies();
});

describe("with a refusal", () => {
  test("declared cookies go along, and are deleted", async () => {
    await load(SETTINGS);
    await manager.set({ purposes: { analytics: false, advertising: false } });
    await idle();
    expect(sent("/v1/consents")).toMatchObject([
      { identifiers: { google: { ga_client_id: GA }, criteo: { cookie_id: "c-7" } } },
    ]);
    expect(document.cookie).not.toContain("_ga");
    expect(document.cookie).not.toContain("cto_bundle");
  });

  test("those of partners that go on stay here", async () => {
    await load(SETTINGS);
    await manager.set({ partners: { criteo: false } });
    await idle();
    expect(sent("/v1/consents")).toMatchObject([{ identifiers: { criteo: { cookie_id: "c-7" } } }]);
    expect(sent("/v1/consents")[0]!.identifiers).not.toHaveProperty("google");
    expect(document.cookie).toContain(`_ga=${GA}`);
  });

  test("on a site that declares none, nothing goes along", async () => {
    await load();
    await manager.set({ partners: { criteo: false } });
    await idle();
    expect(sent("/v1/consents")[0]).not.toHaveProperty("identifiers");
    expect(document.cookie).not.toContain("cto_bundle");
  });

  test("a cookie that is not there is not spoken of", async () => {
    document.cookie = "cto_bundle=;Max-Age=0;Path=/";
    await load(SETTINGS);
    await manager.set({ partners: { criteo: false } });
    await idle();
    expect(sent("/v1/consents")[0]).not.toHaveProperty("identifiers");
  });

  test("a grant brings nothing along", async () => {
    store({ granted: without("partner:youtube") });
    await load(SETTINGS);
    await manager.set({ partners: { youtube: true } });
    await idle();
    expect(sent("/v1/consents")[0]).not.toHaveProperty("identifiers");
  });

  test("the first answer brings them too: the service knows what notice had opened", async () => {
    document.cookie = "cm_choices=;Max-Age=0;Path=/";
    await visit(SETTINGS);
    press(1);
    await idle();
    expect(sent("/v1/consents")).toMatchObject([
      { method: "refuse", identifiers: { google: { ga_client_id: GA } } },
    ]);
  });
});

describe("while the service is away", () => {
  test("they wait in the database with the refusal, and go when it is recorded", async () => {
    delete answers["/v1/consents"];
    await load(SETTINGS);
    await manager.set({ partners: { criteo: false } });
    await idle();
    expect(await inStore()).toContain("c-7");
    expect(document.cookie).not.toContain("cto_bundle");

    nextPage();
    refusedAtService();
    posts.length = 0;
    await load(SETTINGS);
    await idle();
    expect(sent("/v1/consents")).toMatchObject([{ identifiers: { criteo: { cookie_id: "c-7" } } }]);
    expect(await inStore()).toContain("is_sent");
    expect(await inStore()).not.toContain("c-7");
  });

  test("a page that was left at once is made good by the next", async () => {
    store({ refused: all, is_unsent: true, seq: 7 });
    await load(SETTINGS);
    await idle();
    expect(sent("/v1/consents")).toMatchObject([
      { identifiers: { google: { ga_client_id: GA }, criteo: { cookie_id: "c-7" } } },
    ]);
    expect(document.cookie).not.toContain("_ga");
  });

  test("so is one that was left after it was kept", async () => {
    const refusal = chosen({ refused: all, is_unsent: true, seq: 7 });
    store(refusal);
    await putInDatabase(keptOf(refusal));
    await load(SETTINGS);
    await idle();
    expect(sent("/v1/consents")).toMatchObject([{ identifiers: { google: { ga_client_id: GA } } }]);
  });

  test("what was read for a refusal is not lost by the next look", async () => {
    delete answers["/v1/consents"];
    await load(SETTINGS);
    await manager.set({ purposes: { analytics: false, advertising: false } });
    await idle();

    nextPage();
    // Set again by somebody; the other cookie is gone.
    document.cookie = "_ga=GA1.1.10.11;Path=/";
    refusedAtService();
    await load(SETTINGS);
    await idle();
    expect(sent("/v1/consents").at(-1)).toMatchObject({
      identifiers: { google: { ga_client_id: "GA1.1.10.11" }, criteo: { cookie_id: "c-7" } },
    });
  });

  test("they wait with the refusal, not with a grant that came after it", async () => {
    delete answers["/v1/consents"];
    const choices = { granted: without("partner:criteo"), refused: ["partner:criteo"] };
    const [earlier, later] = [6, 7].map((seq) => chosen({ ...choices, seq, is_unsent: true }));
    const maps = { purposes: {}, data_items: {}, partners: {} };
    await putInDatabase(
      keptOf(earlier!, { method: "withdraw", maps: { ...maps, partners: { criteo: false } } }),
      keptOf(later!, { method: "choose", maps: { ...maps, partners: { youtube: true } } }),
    );
    store({ ...choices, seq: 7, is_unsent: true });
    await load(SETTINGS);
    await idle();
    const { readKept } = await import("../../static/src/io/database.ts");
    const rows = (await readKept()) as unknown as { body?: { client_seq: number; identifiers: unknown } }[];
    expect(rows.flatMap(({ body }) => (body?.identifiers ? body.client_seq : []))).toEqual([6]);
  });

  test("without a database the page itself carries them", async () => {
    Object.defineProperty(globalThis, "indexedDB", { value: undefined, configurable: true });
    await load(SETTINGS);
    await manager.set({ partners: { criteo: false } });
    await idle();
    expect(sent("/v1/consents")).toMatchObject([{ identifiers: { criteo: { cookie_id: "c-7" } } }]);
  });
});

test("a refusal that the service does not take is sent again without them", async () => {
  let times = 0;
  const real = fetch;
  globalThis.fetch = (async (url: string, init: RequestInit) => {
    const answer = await real(url, init);
    return url.endsWith("/v1/consents") && !times++
      ? new Response("{}", { status: 400 })
      : answer;
  }) as typeof fetch;
  refusedAtService();
  await load(SETTINGS);
  await manager.set({ partners: { criteo: false } });
  await idle();
  const [first, second] = sent("/v1/consents");
  expect(first).toHaveProperty("identifiers");
  expect(second).toMatchObject({ method: "refuse" });
  expect(second).not.toHaveProperty("identifiers");
});

describe("what is read", () => {
  const read = (settings = {}) => readIdentifiers(createDevice(site(settings)));

  test("is of partners with a tag that is refused, whatever else of theirs goes on", () => {
    store({ granted: without("purpose:analytics"), refused: ["purpose:analytics"] });
    expect(read(SETTINGS)).toEqual({ google: { ga_client_id: GA } });
  });

  test("is nothing where all is granted, or nothing is declared, or no cookie is there", () => {
    expect(read(SETTINGS)).toBeUndefined();
    store({ refused: all });
    expect(read()).toBeUndefined();
    expect(read({ identifiers: { google: { user_id: "_other" } } })).toBeUndefined();
  });
});

describe("identify", () => {
  const kept = (status = 204) => {
    const real = fetch;
    globalThis.fetch = (async (url: string, init: RequestInit) => {
      if (!url.endsWith("/v1/identifiers")) return real(url, init);
      posts.push({ path: "/v1/identifiers", search: "", body: JSON.parse(init.body as string), init });
      return new Response(status === 204 ? null : "{}", { status });
    }) as typeof fetch;
  };

  test("hands over what partners that are granted call this browser", async () => {
    kept();
    await load(SETTINGS);
    expect(await manager.identify({ google: { ga_user_id: "7" } })).toEqual({ kept: ["google"] });
    expect(sent("/v1/identifiers")).toEqual([
      { site: "kloset", identifiers: { google: { ga_user_id: "7" } } },
    ]);
  });

  test("tells the service nothing of partners that are not", async () => {
    kept();
    store({ granted: without("partner:criteo"), refused: ["partner:criteo"] });
    await load(SETTINGS);
    expect(await manager.identify({ criteo: { user_id: "7" }, nobody: { user_id: "7" } })).toEqual({
      kept: [],
    });
    expect(sent("/v1/identifiers")).toEqual([]);
    expect(
      await manager.identify({ criteo: { user_id: "7" }, google: { ga_user_id: "7" } }),
    ).toEqual({ kept: ["google"] });
    expect(sent("/v1/identifiers")).toMatchObject([{ identifiers: { google: {} } }]);
    expect(sent("/v1/identifiers")[0]!.identifiers).not.toHaveProperty("criteo");
  });

  test("is not for partners that only notice has opened", async () => {
    kept();
    document.cookie = "cm_choices=;Max-Age=0;Path=/";
    document.cookie = "cm_shown=3;Path=/";
    await load(SETTINGS);
    expect(manager.why("own").reason).toBe("notice_given");
    expect(await manager.identify({ shop: { user_id: "7" } })).toEqual({ kept: [] });
    expect(sent("/v1/identifiers")).toEqual([]);
  });

  test("waits until what was decided on the page is recorded", async () => {
    kept();
    document.cookie = "cm_choices=;Max-Age=0;Path=/";
    await visit(SETTINGS);
    press(0);
    answers["/v1/consents"] = { ...RECORDED, choices: chosen({ granted: all, seq: 1 }) };
    expect(await manager.identify({ google: { ga_user_id: "7" } })).toEqual({ kept: ["google"] });
    expect(posts.map(({ path }) => path).filter((path) => path !== "/v1/shown")).toEqual([
      "/v1/consents",
      "/v1/identifiers",
    ]);
  });

  test.each([400, 403, 503])("says when the service keeps none: %s", async (status) => {
    kept(status);
    const errors: unknown[] = [];
    await load(SETTINGS);
    manager.on("error", (detail) => errors.push(detail));
    expect(await manager.identify({ google: { ga_user_id: "7" } })).toEqual({ kept: [] });
    expect(errors).toEqual([{ code: "identifiers_not_kept", status }]);
  });

  test("is a promise that fails where its script cannot be had", async () => {
    await load(SETTINGS);
    scripts.isAway = true;
    await expect(manager.identify({ google: { ga_user_id: "7" } })).rejects.toBeDefined();
    await rest();
  });
});
