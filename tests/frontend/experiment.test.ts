// Which arm a browser is shown, and that nothing but the arm is remembered.

import { afterEach, describe, expect, test, vi } from "vitest";
import type { Arm, Config } from "../../static/src/core/types.ts";
import { site } from "./site.ts";

const UNTIL = Math.floor(Date.now() / 1000) + 14 * 86_400;
const ARMS: Arm[] = [
  { code: "a", share: 50 },
  {
    code: "b",
    share: 30,
    wording: { ja: { banner_title: "べつの言い方" }, en: { banner_title: "Other words" } },
  },
  { code: "c", share: 20, presentation: "card", styles: ".cm-bar{width:1px}" },
];

function running(more: Partial<NonNullable<Config["experiment"]>> = {}): Config {
  return site({ experiment: { code: "title", until: UNTIL, arms: ARMS, ...more } });
}

/** A page view: the service put this in front of the loader. */
async function open(config = running()): Promise<Config> {
  vi.stubGlobal("CM_CONFIG", config);
  vi.resetModules();
  await import("../../static/src/experiment.ts");
  return config;
}

const draw = (ticket: number) => vi.spyOn(Math, "random").mockReturnValue(ticket);
const published = running();

function sameAsPublished(config: Config): void {
  expect({ ...config, experiment: undefined }).toEqual({ ...site(), experiment: undefined });
}

afterEach(() => {
  vi.restoreAllMocks();
  for (const pair of document.cookie.split("; ")) {
    document.cookie = pair.split("=")[0] + "=;Path=/;Max-Age=0";
  }
  document.documentElement.lang = "";
});

describe("the first showing", () => {
  test.each([
    [0, "a"],
    [0.499, "a"],
    [0.5, "b"],
    [0.799, "b"],
    [0.8, "c"],
    [0.999_999, "c"],
  ])("ticket %f is arm %s", async (ticket, arm) => {
    draw(ticket);
    const { variant } = await open();
    expect(variant).toBe(`title:${arm}`);
    expect(document.cookie).toBe(`cm_arm=title.${arm}`);
  });

  test("many browsers follow the shares", async () => {
    const seen: Record<string, number> = {};
    for (let visitor = 0; visitor < 400; visitor++) {
      document.cookie = "cm_arm=;Path=/;Max-Age=0";
      const { variant } = await open();
      seen[variant!] = (seen[variant!] ?? 0) + 1;
    }
    // Five standard deviations at most.
    expect(Math.abs(seen["title:a"]! - 200)).toBeLessThan(50);
    expect(Math.abs(seen["title:b"]! - 120)).toBeLessThan(46);
    expect(Math.abs(seen["title:c"]! - 80)).toBeLessThan(40);
  });

  test("the arm's words and presentation stand where the published ones stood", async () => {
    draw(0.6);
    const words = await open();
    expect(words.wording.ja!.banner_title).toBe("べつの言い方");
    expect(words.wording.ja!.refuse).toBe(published.wording.ja!.refuse);
    expect(words.presentation).toBe("bar");

    document.cookie = "cm_arm=;Path=/;Max-Age=0";
    draw(0.9);
    const card = await open();
    expect([card.presentation, card.styles]).toEqual(["card", ".cm-bar{width:1px}"]);
    expect(card.wording).toEqual(published.wording);
  });

  test("the cookie ends with the experiment, and holds nothing that differs between browsers", async () => {
    const written = vi.spyOn(document, "cookie", "set");
    draw(0.6);
    await open();
    await open();
    expect(written).toHaveBeenCalledTimes(1);
    const [pair, ...rest] = written.mock.calls[0]![0].split(";");
    expect(pair).toBe("cm_arm=title.b");
    const age = Number(/Max-Age=(\d+)/.exec(rest.join(";"))![1]);
    expect(Math.abs(age - 14 * 86_400)).toBeLessThan(5);
  });
});

describe("later pages", () => {
  test("show the same arm, whatever chance says, and also after an answer", async () => {
    draw(0.6);
    await open();
    document.cookie = "cm_shown=3;Path=/";
    document.cookie = "cm_choices=x;Path=/";
    for (const ticket of [0, 0.9, 0.1]) {
      draw(ticket);
      expect((await open()).variant).toBe("title:b");
    }
  });

  test("a cookie of an experiment before, or of no arm, is none", async () => {
    for (const old of ["size.b", "title.d", "title.", "__proto__"]) {
      document.cookie = `cm_arm=${old};Path=/`;
      draw(0.6);
      expect((await open()).variant).toBe("title:b");
      expect(document.cookie).toBe("cm_arm=title.b");
    }
  });
});

describe("the published notice is shown", () => {
  test.each(["cm_shown=3", "cm_choices=x"])("to whom it was shown before: %s", async (cookie) => {
    document.cookie = cookie + ";Path=/";
    const config = await open();
    sameAsPublished(config);
    expect(document.cookie).toBe(cookie);
  });

  test("where cookies are not kept", async () => {
    vi.spyOn(document, "cookie", "set").mockImplementation(() => {});
    sameAsPublished(await open());
  });

  test("where they cannot be read", async () => {
    vi.spyOn(document, "cookie", "get").mockImplementation(() => {
      throw new Error("sandboxed");
    });
    sameAsPublished(await open());
  });

  test("when the experiment is over, whatever an old script says", async () => {
    document.cookie = "cm_arm=title.b;Path=/";
    sameAsPublished(await open(running({ until: Math.floor(Date.now() / 1000) - 1 })));
  });

  test("in a language that the arms do not speak", async () => {
    document.documentElement.lang = "ko-KR";
    sameAsPublished(await open());
    expect(document.cookie).toBe("");
    document.documentElement.lang = "en";
    expect((await open()).variant).toMatch(/^title:/);
  });
});
