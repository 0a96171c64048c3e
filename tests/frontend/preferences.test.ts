import { IDBFactory } from "fake-indexeddb";
import {
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
  vi,
  type MockInstance,
} from "vitest";
import type { Act } from "../../static/src/act.ts";
import { createDevice } from "../../static/src/device.ts";
import { toMaps } from "../../static/src/core/apply.ts";
import { createDraft } from "../../static/src/core/draft.ts";
import { askedIds, encode } from "../../static/src/core/state.ts";
import type {
  ChoiceId,
  Choices,
  Maps,
  Method,
  Recorded,
} from "../../static/src/core/types.ts";
import { inOrder } from "../../static/src/effects/in_order.ts";
import { createTags } from "../../static/src/effects/tags.ts";
import type { ConsentBody } from "../../static/src/io/api.ts";
import type { Catalogue } from "../../static/src/io/catalogue.ts";
import type { Kept } from "../../static/src/io/database.ts";
import { CHOICES, readCookies } from "../../static/src/io/storage.ts";
import type { Later } from "../../static/src/later.ts";
import type { Host } from "../../static/src/loader.ts";
import type { Send } from "../../static/src/send.ts";
import {
  catalogue,
  chosen,
  clearBrowser,
  ENDPOINT,
  isolate,
  recorded,
  release,
  runEntry,
  settle,
  site,
  warmUp,
  watchReload,
} from "./site.ts";

// Presses by a test are not trusted by the browser; here the test says whether a person did it.
const gesture = vi.hoisted(() => ({ isMeant: true }));
vi.mock("../../static/src/io/gesture.ts", () => ({ isMeant: () => gesture.isMeant }));

const config = site();
const all = askedIds(config);
const everything = () => chosen({ granted: all });
const nothing = () => chosen({ refused: all });
const draftOf = (choices: Choices | null, gpc = false, more = config) =>
  createDraft({ config: more, choices, gpc });

describe("what follows from a switch", () => {
  test("nothing is on before the visitor decided", () => {
    expect([...draftOf(null).answers().values()]).not.toContain(true);
  });

  test("a purpose brings what its tags need, never what they would merely like", () => {
    const draft = draftOf(null);
    draft.set("purpose:analytics", true);
    const on = [...draft.answers()].flatMap(([id, isOn]) => (isOn ? [id] : []));
    expect(on.sort()).toEqual([
      "item:id.cookie",
      "partner:google",
      "partner:shop",
      "purpose:analytics",
    ]);
    expect(draft.isOn("item:attr.gender")).toBe(false);
    expect(draft.isOn("partner:criteo")).toBe(false);
  });

  test("after refusing everything a purpose can be switched on again", () => {
    const draft = draftOf(nothing());
    draft.set("purpose:analytics", true);
    expect(draft.isOn("partner:google")).toBe(true);
    expect(draft.consequences("purpose:analytics")).toEqual([]);
  });

  test("a partner that was switched off by hand stays off", () => {
    const draft = draftOf(null);
    draft.set("purpose:analytics", true);
    draft.set("partner:google", false);
    draft.set("purpose:analytics", false);
    draft.set("purpose:analytics", true);
    expect(draft.isOn("partner:google")).toBe(false);
  });

  test("so does one that was refused while its purpose was granted", () => {
    const choices = chosen({
      granted: all.filter((id) => id !== "partner:google"),
      refused: ["partner:google"],
    });
    const draft = draftOf(choices);
    draft.set("purpose:analytics", false);
    draft.set("purpose:analytics", true);
    expect(draft.isOn("partner:google")).toBe(false);
  });

  test("a purpose that goes off leaves partners and items alone", () => {
    const draft = draftOf(everything());
    draft.set("purpose:analytics", false);
    expect(draft.isOn("item:id.cookie")).toBe(true);
    expect(draft.isOn("partner:google")).toBe(true);
  });

  test("an item that goes off names the tags that stop with it", () => {
    const draft = draftOf(everything());
    draft.set("item:id.cookie", false);
    expect(
      draft
        .consequences("item:id.cookie")
        .map((one) => one.code)
        .sort(),
    ).toEqual(["ads", "stats"]);
    draft.set("item:attr.gender", false);
    expect(draft.consequences("item:attr.gender")).toEqual([]);
    expect(draft.consequences("purpose:advertising")).toEqual([
      { code: "ads", missing: ["item:id.cookie"] },
    ]);
  });
});

describe("what the browser's signal keeps shut is off", () => {
  const on = (...args: Parameters<typeof draftOf>) => {
    const draft = draftOf(...args);
    return all.filter(draft.isOn);
  };
  const rest = all.filter((id) => id !== "purpose:advertising");

  test("where the yes is older than the signal", () => {
    expect(on(everything())).toEqual(all);
    expect(on(everything(), true)).toEqual(rest);
  });

  test("and not where it was given under it, or outlives it", () => {
    expect(on(chosen({ granted: all, with_signal: true }), true)).toEqual(all);
    expect(on(everything(), true, { ...config, outlives: true })).toEqual(all);
  });

  test("so that saving the rest does not grant it", () => {
    expect(draftOf(everything(), true).answers().get("purpose:advertising")).toBe(false);
  });
});

describe("the dialog", () => {
  let host: Host;
  let root: ShadowRoot;
  let decided: MockInstance<Host["decided"]>;
  let take: MockInstance<Host["take"]>;
  /** The service's scripts can be had again. */
  let comeBack: () => void;
  let sent: ConsentBody[];
  let asked: string[];
  /** What the service answers. */
  let service: {
    bootstrap(): Response | Promise<Response>;
    consents(body: ConsentBody): Response | Promise<Response>;
    revocations(): unknown;
  };
  const json = (body: unknown, status = 200) => new Response(JSON.stringify(body), { status });

  const named = (...keys: string[]) => Object.fromEntries(keys.map((key) => [key, key]));
  /** What the page's script has brought. */
  const known = named("saved", "offline_note", "gpc_honoured", "banner_link");
  /** What the dialog asks for besides. */
  const wording = {
    ...named("prefs_title", "prefs_lead", "tab_purposes", "tab_items", "tab_partners"),
    ...named("save", "allow_all", "refuse_all", "always_on", "close"),
    ...named("saved_withdrawn", "reload_note"),
    off_consequence: "{partner} needs {item}",
    delivery_progress: "{confirmed} of {total}",
    delivery_pending: "{partner} pending",
    delivery_overdue: "{partner} overdue",
    delivery_sent: "{partner} sent",
    delivery_nothing: "{partner} has nothing",
    on_by_notice: "{partner} runs by notice",
  };
  const answer = (more: Partial<Catalogue> = {}) => json({ ...catalogue(wording), ...more });

  /** `isAway`: what does the rest of a decision cannot be had. */
  async function open(choices: Choices | null, isAway = false): Promise<void> {
    if (choices) document.cookie = `cm_choices=${encode(choices, config.ids)};Path=/`;
    document.body.innerHTML = `<button id="opener"></button><div id="cm-root"></div>`;
    root = document.querySelector("#cm-root")!.attachShadow({ mode: "open" });
    document.querySelector<HTMLElement>("#opener")!.focus();
    const loading: Record<string, Promise<unknown>> = {};
    const load = <T>(name: string) => (loading[name] ??= runEntry<T>(name, host)) as Promise<T>;
    const away = isAway ? new Promise<void>((done) => (comeBack = done)) : null;
    // Nothing else asks.
    const device = createDevice({ ...config, presentation: "link" });
    host = {
      device,
      endpoint: ENDPOINT,
      language: "ja",
      wording: known,
      root,
      styles: "",
      bar: null,
      draw() {},
      painted() {},
      load,
      sure: load,
      act: () => Promise.resolve(away).then(() => load<Act>("act")),
      send: () => load<Send>("send"),
      later: () => load<Later>("later"),
      tags: createTags(device, inOrder),
      show,
      hold: undefined,
      tell: () => [],
      made: [],
      changed() {},
    } as unknown as Host;
    vi.resetModules();
    const { createTake } = await import("../../static/src/take.ts");
    Object.assign(host, createTake(host, () => void host.act()));
    take = vi.spyOn(host, "take");
    if (!isAway) {
      // It is there already: it shows the way here.
      await host.act();
      decided = vi.spyOn(host, "decided");
    }
    await show();
  }

  async function show(): Promise<void> {
    const preferences = await runEntry<() => Promise<void>>("preferences", host);
    await preferences();
  }

  const dialog = () => root.querySelector("dialog");
  const toggle = (id: string) => root.getElementById("cm-" + id) as HTMLInputElement;
  const footer = () => dialog()!.querySelectorAll<HTMLButtonElement>(".cm-actions button");
  const press = async (index: number) => {
    footer()[index]!.click();
    // Sent once the frame is out.
    if (vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(40);
    await settle(90);
  };
  const effect = (id: string) =>
    toggle(id).parentElement!.querySelector<HTMLElement>(".cm-effect")!.textContent;
  const facts = (id: string) =>
    [...toggle(id).closest(".cm-row")!.querySelectorAll("b")].map(
      (one) => `${one.textContent}: ${one.nextSibling!.textContent}`,
    );
  const status = () =>
    [...dialog()!.querySelectorAll(".cm-status p")].map((one) => one.textContent);

  beforeAll(warmUp);
  beforeEach(() => {
    isolate();
    vi.stubGlobal("indexedDB", new IDBFactory());
    watchReload();
    gesture.isMeant = true;
    // jsdom knows the element, not what it does.
    HTMLDialogElement.prototype.showModal = function () {
      this.setAttribute("open", "");
    };
    HTMLDialogElement.prototype.close = function () {
      this.dispatchEvent(new Event("close"));
    };
    [sent, asked] = [[], []];
    service = {
      bootstrap: () => answer(),
      consents(body) {
        const done = recorded({ ...host.device.choices!, seq: body.client_seq }).body as Recorded;
        done.receipt.key = "receipt-1";
        done.deliveries = [{ partner: "google", status: "queued", due_at: "" }];
        return json(done, 201);
      },
      revocations: () => ({ partners: [], total: 0, confirmed: 0 }),
    };
    vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
      const { pathname, search } = new URL(url);
      asked.push(pathname + search);
      if (pathname === "/v1/bootstrap") return service.bootstrap();
      if (pathname.startsWith("/v1/revocations/")) return json(service.revocations());
      if (pathname === "/v1/shown") return json({ impression: "a-proof" });
      const body = JSON.parse(init.body as string) as ConsentBody;
      sent.push(body);
      return service.consents(body);
    });
  });
  afterEach(async () => {
    // An answer that is still under way would be stored in the next test's browser.
    vi.useRealTimers();
    await settle();
    release();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    clearBrowser();
  });

  test("focus goes to its title, and back when it closes without a decision", async () => {
    await open(null);
    expect(root.activeElement!.textContent).toBe("prefs_title");
    dialog()!.querySelector<HTMLElement>(".cm-close")!.click();
    expect(dialog()).toBeNull();
    expect(document.activeElement!.id).toBe("opener");
    expect(sent).toEqual([]);
  });

  test("leads to the page that says what is sent, to whom and why", async () => {
    await open(null);
    const link = dialog()!.querySelector<HTMLAnchorElement>(".cm-head a")!;
    expect([link.textContent, link.href]).toEqual([
      "banner_link",
      `${ENDPOINT}/external-transmission/kloset/?lang=ja`,
    ]);
  });

  describe("under the browser's signal", () => {
    beforeEach(() => vi.stubGlobal("navigator", { globalPrivacyControl: true, language: "ja" }));
    const said = () => dialog()!.querySelector(".cm-head .cm-note")?.textContent;
    const isOn = () => toggle("purpose-advertising").checked;

    test("says that it was honoured, and shows what it holds", async () => {
      await open(everything());
      expect([said(), isOn()]).toEqual(["gpc_honoured", false]);
      expect(toggle("purpose-analytics").checked).toBe(true);
    });

    test("says so to whoever has not chosen, and to whoever refused", async () => {
      await open(nothing());
      expect([said(), isOn()]).toEqual(["gpc_honoured", false]);
    });

    test("says nothing of an opt-out where a yes was given under it", async () => {
      await open(chosen({ granted: all, with_signal: true }));
      expect([said(), isOn()]).toEqual([undefined, true]);
    });

    test("saving the switches as they are is no yes to what it holds", async () => {
      await open(everything());
      await press(1);
      expect(host.device.choices!.granted).not.toContain("purpose:advertising");
      expect(host.device.choices!.granted).toContain("purpose:analytics");
    });
  });

  test("three tabs, moved through with arrows; one panel at a time", async () => {
    await open(null);
    const tabs = [...dialog()!.querySelectorAll<HTMLElement>("[role=tab]")];
    const visible = () =>
      [...dialog()!.querySelectorAll<HTMLElement>("[role=tabpanel]")].map((one) => !one.hidden);
    expect(visible()).toEqual([true, false, false]);
    tabs[0]!.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
    expect(visible()).toEqual([false, false, true]);
    expect(root.activeElement).toBe(tabs[2]);
    tabs[2]!.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }));
    expect(tabs.map((tab) => [tab.getAttribute("aria-selected"), tab.tabIndex])).toEqual([
      ["true", 0],
      ["false", -1],
      ["false", -1],
    ]);
  });

  test("nothing optional is ticked; the necessary has no switch; the unused is left out", async () => {
    await open(null);
    const switches = [...dialog()!.querySelectorAll<HTMLInputElement>("input[role=switch]")];
    expect(switches.some((one) => one.checked)).toBe(false);
    expect(switches.map((one) => one.id)).not.toContain("cm-purpose-necessary");
    expect(dialog()!.textContent).toContain("always_on");
    expect(dialog()!.textContent).not.toContain("unused name");
  });

  test("the three footer buttons look alike", async () => {
    await open(null);
    const buttons = [...footer()];
    expect(buttons.map((one) => one.textContent)).toEqual(["refuse_all", "save", "allow_all"]);
    expect(new Set(buttons.map((one) => one.className)).size).toBe(1);
  });

  test("shows what is stored, and what a purpose sends to whom", async () => {
    await open(
      chosen({
        granted: all.filter((id) => id !== "purpose:advertising"),
        refused: ["purpose:advertising"],
      }),
    );
    expect([toggle("purpose-analytics").checked, toggle("purpose-advertising").checked]).toEqual([
      true,
      false,
    ]);
    expect(facts("purpose-analytics")).toEqual([
      "tab_partners: google Inc.、shop Inc.",
      "tab_items: id.cookie name、attr.gender name",
    ]);
    expect(effect("purpose-analytics")).toBe("");
  });

  test("shows what a partner and an item are for, without a tap", async () => {
    await open(null);
    expect(facts("partner-google")).toEqual([
      "tab_purposes: analytics name",
      "tab_items: id.cookie name、attr.gender name",
    ]);
    expect(facts("item-attr-gender")).toEqual([
      "tab_partners: google Inc.",
      "tab_purposes: analytics name",
    ]);
    expect(dialog()!.querySelector("details, summary")).toBeNull();
  });

  test("asks only for the words that the page lacks, and adds them", async () => {
    await open(null);
    expect(asked).toEqual(["/v1/bootstrap?site=kloset&language=ja&for=dialog"]);
    expect(host.wording).toEqual({ ...known, ...wording });
  });

  test("speaks the page's language, even one that has to be fetched", async () => {
    await open(null);
    dialog()!.querySelector<HTMLElement>(".cm-close")!.click();
    document.documentElement.lang = "ko-KR";
    await show();
    document.documentElement.lang = "";
    // All of its words: the script brought none of them.
    expect(asked.at(-1)).toBe("/v1/bootstrap?site=kloset&language=ko");
    expect([host.language, dialog()!.lang]).toEqual(["ko", "ko"]);
  });

  test("says when something runs because notice was given, although its switch is off", async () => {
    document.cookie = "cm_shown=3;Path=/";
    await open(null);
    expect(toggle("purpose-analytics").checked).toBe(false);
    expect(effect("purpose-analytics")).toBe("shop Inc. runs by notice");
  });

  test("links are links only when they are web addresses", async () => {
    await open(null);
    const links = dialog()!.querySelectorAll<HTMLAnchorElement>(".cm-row a");
    expect(new Set([...links].map((one) => one.href))).toEqual(new Set(["https://p.example/"]));
  });

  test("saving sends all three maps and closes", async () => {
    await open(null);
    // A browser says that a dialog closes in a task of its own; until it does, nobody else speaks.
    const { close } = HTMLDialogElement.prototype;
    HTMLDialogElement.prototype.close = function () {
      setTimeout(() => close.call(this));
    };
    let isOpen: boolean | undefined = true;
    decided.mockImplementation(() => void (isOpen = host.isOpen));
    toggle("purpose-analytics").click();
    await press(1);
    expect(sent[0]).toMatchObject({
      method: "choose",
      surface: "preferences",
      purposes: { analytics: true, advertising: false, functional: false },
      data_items: { "id.cookie": true, "attr.gender": false },
      partners: { google: true, shop: true, criteo: false, line: false, youtube: false },
    });
    expect(dialog()).toBeNull();
    expect(decided).toHaveBeenCalledOnce();
    expect(isOpen).toBe(false);
  });

  test.each([
    [0, "refuse"],
    [2, "allow"],
  ])("button %i: %s", async (index, method) => {
    await open(null);
    await press(index);
    expect(sent).toMatchObject([{ method }]);
  });

  test("only a withdrawal of everything says that all sending stopped", async () => {
    await open(everything());
    await press(0);
    expect(dialog()!.querySelector(".cm-status p")!.textContent).toBe("saved_withdrawn");
  });

  test("a withdrawal stays open and says how far it got, until everybody confirmed", async () => {
    await open(everything());
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    toggle("partner-google").click();
    let progress: unknown = {
      total: 2,
      confirmed: 1,
      partners: [
        { legal_name: { ja: "Google LLC" }, status: "queued", is_open: true, due_at: "2026-11-22T09:00:00Z" },
        { legal_name: "Criteo", status: "confirmed", due_at: "2026-11-22T09:00:00Z" },
      ],
    };
    service.revocations = () => progress;
    await press(1);
    await vi.advanceTimersByTimeAsync(1500);
    await settle();
    expect(sent[0]).toMatchObject({ method: "withdraw", partners: { google: false } });
    expect(status()).toEqual(["saved", "1 of 2", "Google LLC pending"]);
    expect(asked.at(-1)).toBe("/v1/revocations/receipt-1?site=kloset");
    progress = {
      total: 3,
      confirmed: 1,
      partners: [
        { legal_name: "Google", status: "queued", is_open: true, due_at: "2026-11-22T09:00:00Z" },
        { legal_name: "LINE", status: "queued", is_open: true, due_at: "2026-11-22T09:00:00Z" },
        { legal_name: "Criteo", status: "unreachable", due_at: "2026-11-22T09:00:00Z" },
      ],
    };
    await vi.advanceTimersByTimeAsync(2500);
    await settle();
    expect(status()).toEqual(["saved", "1 of 3", "Google、LINE pending", "Criteo overdue"]);
    progress = { total: 3, confirmed: 3, partners: [] };
    await vi.advanceTimersByTimeAsync(4000);
    await settle();
    expect(status()).toEqual(["saved", "3 of 3"]);
    expect(sessionStorage.getItem("cm_receipt")).toBeNull();
    const calls = asked.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(calls);
  });

  test("a partner that has nothing to stop is no success, and nothing is waited for", async () => {
    await open(everything());
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const due_at = "2026-11-22T09:00:00Z";
    let partners = [
      { legal_name: "Google", status: "sent", is_open: true, due_at },
      { legal_name: "LINE", status: "identifier_not_held", is_open: false, due_at },
      { legal_name: "Criteo", status: "not_needed", is_open: false, due_at },
    ];
    service.revocations = () => ({ total: 3, confirmed: 0, partners });
    await press(0);
    await vi.advanceTimersByTimeAsync(1500);
    await settle();
    expect(status().slice(1)).toEqual(["0 of 3", "Google sent", "LINE、Criteo has nothing"]);
    partners = partners.slice(1);
    await vi.advanceTimersByTimeAsync(2500);
    await settle();
    const calls = asked.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveLength(calls);
  });

  test("what follows a withdrawal is not asked for once the dialog is closed", async () => {
    await open(everything());
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await press(0);
    dialog()!.querySelector<HTMLElement>(".cm-close")!.click();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.filter((path) => path.includes("revocations"))).toEqual([]);
    // The next time it is opened it goes on from where it was.
    await show();
    await vi.advanceTimersByTimeAsync(300);
    await settle();
    expect(asked.at(-1)).toBe("/v1/revocations/receipt-1?site=kloset");
  });

  test("a withdrawal that is not sent yet says so", async () => {
    await open(everything());
    service.consents = () => json({}, 503);
    await press(0);
    expect(status()).toEqual(["saved_withdrawn", "offline_note"]);
  });

  test("to stop what only notice had opened is a withdrawal, too", async () => {
    document.cookie = "cm_shown=3;Path=/";
    await open(null);
    await press(0);
    expect(status()).toEqual(["saved_withdrawn"]);
  });

  test("while it is open it speaks for itself", async () => {
    await open(everything());
    expect(host.isOpen).toBe(true);
    await press(0);
    expect(host.isOpen).toBe(true);
    dialog()!.querySelector<HTMLElement>(".cm-close")!.click();
    expect(host.isOpen).toBe(false);
  });

  test("only a person's press grants; refusing never asks", async () => {
    gesture.isMeant = false;
    await open(null);
    toggle("purpose-analytics").click();
    await press(1);
    await press(2);
    expect(sent).toEqual([]);
    await press(0);
    expect(sent).toMatchObject([{ method: "refuse" }]);
  });

  test("a switch that brings others shows them, and what stops is named by its tag", async () => {
    await open(null);
    toggle("purpose-analytics").click();
    expect(toggle("partner-google").checked).toBe(true);
    expect(toggle("item-id-cookie").checked).toBe(true);
    toggle("item-id-cookie").click();
    expect(effect("item-id-cookie")).toBe("stats tag needs id.cookie name");
  });

  test("opened twice it is there once", async () => {
    await open(null);
    await show();
    expect(root.querySelectorAll("dialog")).toHaveLength(1);
  });

  test("without the service it does not open", async () => {
    service.bootstrap = () => json({}, 503);
    await expect(open(null)).rejects.toThrow("bootstrap 503");
    expect(dialog()).toBeNull();
  });

  test("what the service said last is good enough when it goes away", async () => {
    await open(null);
    const preferences = await runEntry<() => Promise<void>>("preferences", host);
    dialog()!.querySelector<HTMLElement>(".cm-close")!.click();
    await preferences();
    dialog()!.querySelector<HTMLElement>(".cm-close")!.click();
    service.bootstrap = () => json({}, 503);
    await preferences();
    expect(dialog()).not.toBeNull();
  });

  test("what the service knows of this device is shown, when it is newer", async () => {
    service.bootstrap = () => answer({ choices: chosen({ granted: all, seq: 99 }) });
    await open(nothing());
    expect(toggle("purpose-advertising").checked).toBe(true);
  });

  test("what it knew before this device decided again is not", async () => {
    service.bootstrap = () => answer({ choices: chosen({ granted: all, seq: 4 }) });
    await open(nothing());
    expect(toggle("purpose-advertising").checked).toBe(false);
  });

  describe("when act.js cannot be had", () => {
    const on = ["purpose:analytics", "item:id.cookie", "partner:shop", "partner:google"];
    const off = "partner:google";
    const without = (ids: ChoiceId[]) => all.filter((id) => !ids.includes(id));
    const mapsOf = (granted: ChoiceId[]) =>
      toMaps(new Map(all.map((id) => [id, granted.includes(id)])));

    /** Long enough for everything that does not wait for act.js. */
    async function rest(): Promise<void> {
      // The frame is out. The database takes its own time, however fast the clock goes.
      await vi.advanceTimersByTimeAsync(150);
      await settle();
      await vi.advanceTimersByTimeAsync(2000);
      await settle(90);
    }

    async function inDatabase(): Promise<Kept[]> {
      vi.resetModules();
      const { readKept } = await import("../../static/src/io/database.ts");
      return readKept();
    }

    test.each<{
      method: Method;
      button: number;
      before: Choices | null;
      toggled?: string;
      granted: ChoiceId[];
      maps?: Maps;
    }>([
      { method: "refuse", button: 0, before: everything(), granted: [] },
      {
        method: "choose",
        button: 1,
        before: null,
        toggled: "purpose-analytics",
        granted: on,
        maps: mapsOf(on),
      },
      {
        method: "withdraw",
        button: 1,
        before: everything(),
        toggled: "partner-google",
        granted: without([off]),
        maps: mapsOf(without([off])),
      },
      { method: "allow", button: 2, before: nothing(), granted: all, maps: mapsOf(all) },
    ])("a decision is stored: $method", async ({ method, button, before, toggled, granted, maps }) => {
      await open(before, true);
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      if (toggled) toggle(toggled).click();
      footer()[button]!.click();
      expect(take).toHaveBeenCalledOnce();
      const [choices, ...more] = take.mock.calls[0]!;
      expect(more).toEqual([method, "preferences", maps]);
      expect([...choices.granted].sort()).toEqual([...granted].sort());
      expect([...choices.refused].sort()).toEqual(without(granted).sort());
      expect(choices.seq).toBeGreaterThan(before?.seq ?? 0);
      // For the next page at once, for the other tabs and after a crash a little later.
      const text = encode(choices, config.ids);
      expect(readCookies(CHOICES)).toEqual([text]);
      expect(host.device.choices).toEqual(choices);
      await rest();
      expect(localStorage.getItem(CHOICES)).toBe(text);
      const surface = "preferences";
      expect(await inDatabase()).toMatchObject([{ choices, method, surface, maps }]);
      expect(sent).toEqual([]);
    });

    test("a refusal takes what it shuts off the page", async () => {
      await open(everything(), true);
      host.device.isOpen = true;
      document.body.insertAdjacentHTML(
        "beforeend",
        `<template data-cm-tag="video"><iframe id="film" src="/f"></iframe></template>`,
      );
      host.tags.scan(document);
      expect(document.querySelector("#film")).not.toBeNull();
      footer()[0]!.click();
      expect(document.querySelector("#film")).toBeNull();
    });

    test("a decision is sent, and the dialog says so, when it can be had again", async () => {
      await open(everything(), true);
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      footer()[0]!.click();
      await rest();
      expect([sent, status()]).toEqual([[], ["saved", "offline_note"]]);
      comeBack();
      await rest();
      expect(sent).toMatchObject([{ method: "refuse", surface: "preferences" }]);
      expect(status()[0]).toBe("saved_withdrawn");
    });
  });
});
