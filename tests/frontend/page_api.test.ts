import { describe, expect, test, vi } from "vitest";
import {
  all,
  dialog,
  gesture,
  load,
  manager,
  press,
  rest,
  scripts,
  sent,
  store,
  visit,
} from "./page.ts";

describe("the page's API", () => {
  test("get, why and ready", async () => {
    await load();
    expect(manager.get()).toMatchObject({ choices: null, notice: 3, gpc: false });
    expect(manager.get().decisions.cart!.reason).toBe("exempt");
    expect(manager.why("nobody")).toEqual({ allowed: false, reason: "unknown_tag", withheld: [] });
    expect(Object.isFrozen(manager)).toBe(true);
  });

  test("set without a person's gesture records refusals and ignores grants", async () => {
    await load();
    gesture.isMeant = false;
    expect(await manager.set({ purposes: { advertising: false, analytics: true } })).toEqual({
      recorded: true,
      ignored: ["purpose:analytics"],
    });
    await rest();
    expect(sent("/v1/consents")).toMatchObject([
      { method: "withdraw", surface: "api", purposes: { advertising: false } },
    ]);
    expect(manager.get().choices!.granted).toEqual([]);
    expect(await manager.set({ partners: { google: true } })).toEqual({
      recorded: false,
      ignored: ["partner:google"],
    });
    expect(sent("/v1/consents")).toHaveLength(1);
  });

  test("a partial decision repeats the refusals that are not recorded yet", async () => {
    store({ granted: all });
    await load();
    // The service is away: neither is recorded, and the newest will be sent first.
    await manager.set({ purposes: { advertising: false } });
    await manager.set({ purposes: { analytics: false } });
    await rest();
    expect(sent("/v1/consents")).toMatchObject([
      { purposes: { advertising: false, analytics: false } },
      { purposes: { advertising: false }, is_history: true },
    ]);
    expect(manager.get().choices!.refused).toEqual(
      expect.arrayContaining(["purpose:advertising", "purpose:analytics"]),
    );
  });

  test("set brings what it needs, whatever else has not come yet", async () => {
    await visit();
    expect(await manager.set({ partners: { criteo: false } })).toEqual({
      recorded: true,
      ignored: [],
    });
    await rest();
    expect(scripts.fetched).toEqual(["later", "act", "send"]);
    expect(sent("/v1/consents")).toMatchObject([
      { method: "withdraw", surface: "api", partners: { criteo: false } },
    ]);
  });

  test("show opens the preferences, whatever else has not come yet", async () => {
    await visit();
    await manager.show();
    expect(scripts.fetched).toEqual(["preferences"]);
    expect(dialog()).not.toBeNull();
  });

  test("set with a gesture grants, and unknown codes are left out", async () => {
    await load();
    expect(
      await manager.set({
        purposes: { functional: true, nonsense: true },
        partners: { youtube: true },
      }),
    ).toEqual({
      recorded: true,
      ignored: [],
    });
    expect(manager.why("video").reason).toBe("granted");
  });

  test("on tells about changes and can be stopped; a listener that throws stops nothing", async () => {
    await load();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const errors: string[] = [];
    window.addEventListener("error", (event) => {
      event.preventDefault();
      errors.push(event.message);
    });
    const seen: unknown[] = [];
    manager.on("change", () => {
      throw new Error("page");
    });
    const stop = manager.on("change", (detail) => seen.push(detail));
    await manager.set({ purposes: { advertising: false } });
    stop();
    await manager.set({ purposes: { analytics: false } });
    expect(seen).toMatchObject([{ method: "withdraw", needs_reload: [] }]);
    expect(errors).toEqual(["page", "page"]);
  });

  test("each decision reaches the dataLayer once", async () => {
    const layer: unknown[] = [];
    (window as { dataLayer?: unknown }).dataLayer = layer;
    await load();
    press(1);
    await rest();
    expect(layer).toMatchObject([{ event: "cm_consent", cm_granted: [] }]);
    delete (window as { dataLayer?: unknown }).dataLayer;
  });
});
