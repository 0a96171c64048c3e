import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createDevice, type Device } from "../../static/src/device.ts";
import { createDraft } from "../../static/src/core/draft.ts";
import { answerAll, encode } from "../../static/src/core/state.ts";
import type { Mount, PreferencesHost } from "../../static/src/preferences.ts";
import type { Choices } from "../../static/src/core/types.ts";
import { chosen, clearBrowser, fakeApi, isolate, release, settle, site } from "./site.ts";

vi.mock("../../static/src/io/gesture.ts", () => ({ isMeant: () => true, hasSignal: () => false }));

const config = site();
const all = [...answerAll(config, true).keys()];
const everything = () => chosen({ granted: all });
const nothing = () => chosen({ refused: all });

describe("what follows from a switch", () => {
  test("nothing is on before the visitor decided", () => {
    expect([...createDraft(config, null).answers().values()]).not.toContain(true);
  });

  test("a purpose brings what its tags need, never what they would merely like", () => {
    const draft = createDraft(config, null);
    expect(draft.set("purpose:analytics", true).sort()).toEqual([
      "item:id.cookie",
      "partner:google",
      "partner:shop",
    ]);
    expect(draft.isOn("item:attr.gender")).toBe(false);
    expect(draft.isOn("partner:criteo")).toBe(false);
  });

  test("after refusing everything a purpose can be switched on again", () => {
    const draft = createDraft(config, nothing());
    draft.set("purpose:analytics", true);
    expect(draft.running("purpose:analytics").map((tag) => tag.partner)).toContain("google");
  });

  test("a partner that was switched off by hand stays off", () => {
    const draft = createDraft(config, null);
    draft.set("purpose:analytics", true);
    draft.set("partner:google", false);
    draft.set("purpose:analytics", false);
    expect(draft.set("purpose:analytics", true)).not.toContain("partner:google");
    expect(draft.isOn("partner:google")).toBe(false);
  });

  test("so does one that was refused while its purpose was granted", () => {
    const choices = chosen({
      granted: all.filter((id) => id !== "partner:google"),
      refused: ["partner:google"],
    });
    const draft = createDraft(config, choices);
    draft.set("purpose:analytics", false);
    draft.set("purpose:analytics", true);
    expect(draft.isOn("partner:google")).toBe(false);
  });

  test("a purpose that goes off leaves partners and items alone", () => {
    const draft = createDraft(config, everything());
    expect(draft.set("purpose:analytics", false)).toEqual([]);
    expect(draft.isOn("partner:google")).toBe(true);
  });

  test("an item that goes off names the tags that stop with it", () => {
    const draft = createDraft(config, everything());
    draft.set("item:id.cookie", false);
    expect(
      draft
        .consequences("item:id.cookie")
        .map((one) => one.tag.partner)
        .sort(),
    ).toEqual(["criteo", "google"]);
    draft.set("item:attr.gender", false);
    expect(draft.consequences("item:attr.gender")).toEqual([]);
    expect(draft.consequences("purpose:advertising")).toEqual([
      { tag: config.tags.ads, missing: ["item:id.cookie"] },
    ]);
  });
});

describe("the dialog", () => {
  let mount!: Mount;
  let host: PreferencesHost;
  let device: Device;
  let root: ShadowRoot;
  let progress: unknown;
  const api = () => ({
    ...fakeApi((body) => ({
      status: 201,
      body: {
        receipt: { key: "receipt-1" } as never,
        choices: chosen({ ...device.choices!, seq: body.client_seq }),
        deliveries: [{ partner: "google", status: "queued", due_at: "" }],
      },
    })),
    bootstrap: vi.fn(async () => ({ status: 200, retryAfter: 0, body: bootstrap() as never })),
    revocation: vi.fn(async () => ({ status: 200, retryAfter: 0, body: progress as never })),
    shown: vi.fn(),
  });
  let service: ReturnType<typeof api>;

  const names = (list: string[]) =>
    list.map((code) => ({ code, name: `${code} name`, description: `${code} text` }));
  const bootstrap = () => ({
    wording: Object.fromEntries(
      [
        "prefs_title",
        "prefs_lead",
        "tab_purposes",
        "tab_items",
        "tab_partners",
        "save",
        "allow_all",
        "refuse_all",
        "always_on",
        "saved",
        "saved_withdrawn",
        "close",
        "details",
        "offline_note",
        "changed_lead",
        "changed_new",
        "changed_more",
        "expired_lead",
        "reload_note",
      ]
        .map((key) => [key, key])
        .concat([
          ["off_consequence", "{partner} needs {item}"],
          ["delivery_progress", "{confirmed} of {total}"],
          ["delivery_pending", "{partner} pending"],
          ["delivery_overdue", "{partner} overdue"],
          ["on_by_notice", "{partner} runs by notice"],
        ]),
    ),
    purposes: names(["necessary", "analytics", "advertising", "functional"]).map((one) => ({
      ...one,
      is_necessary: one.code === "necessary",
    })),
    data_items: names(["id.cookie", "attr.gender", "unused"]),
    partners: ["shop", "google", "criteo", "line", "youtube"].map((code) => ({
      code,
      legal_name: `${code} Inc.`,
      service_name: code,
      country: "JP",
      role: "third_party",
      policy_url: "https://p.example/",
      optout_url: "javascript:alert(1)",
      purposes: ["analytics"],
      required_items: ["id.cookie"],
      optional_items: [],
    })),
    choices: null as Choices | null,
  });

  async function open(choices: Choices | null): Promise<void> {
    if (choices) document.cookie = `cm_choices=${encode(choices, config.numbers)};Path=/`;
    device = createDevice(
      config,
      "ja",
      service,
      { changed() {}, recorded: (answer) => host.recorded?.(answer) },
      () => {},
    );
    const started = device.start({ open() {}, update: () => [] });
    if (!vi.isFakeTimers()) await started.then(() => settle());
    document.body.innerHTML = `<button id="opener"></button><div id="cm-root"></div>`;
    root = document.querySelector("#cm-root")!.attachShadow({ mode: "open" });
    document.querySelector<HTMLElement>("#opener")!.focus();
    host = { api: service, device, language: "ja", root, url: (path) => path, decided: vi.fn() };
    await mount(host);
  }

  const dialog = () => root.querySelector("dialog");
  const toggle = (id: string) => root.getElementById("cm-" + id) as HTMLInputElement;
  const press = async (index: number) => {
    dialog()!.querySelectorAll<HTMLButtonElement>("footer button")[index]!.click();
    await settle();
  };

  beforeEach(async () => {
    isolate();
    vi.stubGlobal("indexedDB", new IDBFactory());
    // jsdom knows the element, not what it does.
    HTMLDialogElement.prototype.showModal = function () {
      this.setAttribute("open", "");
    };
    HTMLDialogElement.prototype.close = function () {
      this.dispatchEvent(new Event("close"));
    };
    vi.resetModules();
    vi.spyOn(document, "currentScript", "get").mockReturnValue({
      cmMount: (found: Mount) => (mount = found),
    } as never);
    await import("../../static/src/preferences.ts");
    service = api();
    progress = { partners: [], total: 0, confirmed: 0 };
  });
  afterEach(async () => {
    // An answer that is still under way would be stored in the next test's browser.
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
    expect(service.sent).toEqual([]);
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

  test("nothing optional is ticked at first; what is necessary has no switch; what nobody uses is left out", async () => {
    await open(null);
    const switches = [...dialog()!.querySelectorAll<HTMLInputElement>("input[role=switch]")];
    expect(switches.some((one) => one.checked)).toBe(false);
    expect(switches.map((one) => one.id)).not.toContain("cm-purpose-necessary");
    expect(dialog()!.textContent).toContain("always_on");
    expect(dialog()!.textContent).not.toContain("unused name");
  });

  test("the three footer buttons look alike", async () => {
    await open(null);
    const buttons = [...dialog()!.querySelectorAll("footer button")];
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
    const effect =
      toggle("purpose-analytics").parentElement!.querySelector(".cm-effect")!.textContent;
    expect(effect).toContain("tab_partners: google Inc.、shop Inc.");
    expect(effect).toContain("attr.gender name");
  });

  test("says when something runs because notice was given, although its switch is off", async () => {
    document.cookie = "cm_shown=3;Path=/";
    await open(null);
    const effect = () =>
      toggle("purpose-analytics").parentElement!.querySelector(".cm-effect")!.textContent;
    expect(toggle("purpose-analytics").checked).toBe(false);
    expect(effect()).toBe("shop Inc. runs by notice");
  });

  test("links are links only when they are web addresses", async () => {
    await open(null);
    expect([...new Set([...dialog()!.querySelectorAll("a")].map((one) => one.href))]).toEqual([
      "https://p.example/",
    ]);
  });

  test("saving sends all three maps and closes", async () => {
    await open(null);
    toggle("purpose-analytics").click();
    await press(1);
    expect(service.sent[0]).toMatchObject({
      method: "choose",
      surface: "preferences",
      purposes: { analytics: true, advertising: false, functional: false },
      data_items: { "id.cookie": true, "attr.gender": false },
      partners: { google: true, shop: true, criteo: false, line: false, youtube: false },
    });
    expect(dialog()).toBeNull();
    expect(host.decided).toHaveBeenCalledOnce();
  });

  test.each([
    [0, "refuse"],
    [2, "allow"],
  ])("button %i: %s", async (index, method) => {
    await open(null);
    await press(index);
    expect(service.sent).toMatchObject([{ method }]);
  });

  test("only a withdrawal of everything says that all sending stopped", async () => {
    await open(everything());
    await press(0);
    expect(dialog()!.querySelector(".cm-status p")!.textContent).toBe("saved_withdrawn");
  });

  test("a withdrawal stays open and says how far it got, until everybody confirmed", async () => {
    vi.useFakeTimers();
    try {
      const opening = open(everything());
      await vi.advanceTimersByTimeAsync(1);
      await opening;
      toggle("partner-google").click();
      progress = {
        total: 2,
        confirmed: 1,
        partners: [
          { legal_name: { ja: "Google LLC" }, status: "queued", due_at: "2026-11-22T09:00:00Z" },
          { legal_name: "Criteo", status: "confirmed", due_at: "2026-11-22T09:00:00Z" },
        ],
      };
      dialog()!.querySelectorAll<HTMLButtonElement>("footer button")[1]!.click();
      await vi.advanceTimersByTimeAsync(1500);
      const status = () =>
        [...dialog()!.querySelectorAll(".cm-status p")].map((one) => one.textContent);
      expect(service.sent[0]).toMatchObject({ method: "withdraw", partners: { google: false } });
      expect(status()).toEqual(["saved", "1 of 2", "Google LLC pending"]);
      progress = { total: 2, confirmed: 2, partners: [] };
      await vi.advanceTimersByTimeAsync(4000);
      expect(status()).toEqual(["saved", "2 of 2"]);
      const calls = service.revocation.mock.calls.length;
      await vi.advanceTimersByTimeAsync(60_000);
      expect(service.revocation.mock.calls.length).toBe(calls);
    } finally {
      vi.useRealTimers();
    }
  });

  test("without the service it does not open", async () => {
    service.bootstrap.mockResolvedValue({ status: 503, retryAfter: 0, body: null as never });
    await expect(open(null)).rejects.toThrow("bootstrap 503");
    expect(dialog()).toBeNull();
  });

  test("what the service knows of this device is shown, when it is newer", async () => {
    const known = bootstrap();
    known.choices = chosen({ granted: all, seq: 99 });
    service.bootstrap.mockResolvedValue({ status: 200, retryAfter: 0, body: known as never });
    await open(nothing());
    expect(toggle("purpose-advertising").checked).toBe(true);
  });
});
