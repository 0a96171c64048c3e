import { describe, expect, test } from "vitest";
import { bar, config, gesture, load, manager, nextPage, rest, sent } from "./page.ts";

describe("placeholders", () => {
  const FILM = `<iframe id="film" src="/f" width="480" height="270"></iframe>`;
  const FRAME = `<template data-cm-tag="video">${FILM}</template>`;
  const standIns = () => [...document.querySelectorAll<HTMLElement>(".cm-placeholder")];
  const buttons = () => standIns().at(-1)!.shadowRoot!.querySelectorAll("button");

  test("say who and why, keep the size, and open once", async () => {
    document.body.innerHTML = FRAME;
    await load();
    const [place] = standIns();
    expect(place!.style.width).toBe("480px");
    expect(place!.style.minHeight).toBe("270px");
    expect(place!.shadowRoot!.textContent).toContain("ja placeholder_title youtube Inc.");
    expect(place!.shadowRoot!.textContent).toContain("ja placeholder_why youtube Inc.");
    buttons()[0]!.click();
    expect(document.querySelector("#film")).not.toBeNull();
    expect(standIns()).toEqual([]);
    expect(sent("/v1/consents")).toEqual([]);
  });

  test("once is until the next decision, even one that only grants something else", async () => {
    document.body.innerHTML = FRAME;
    await load();
    buttons()[0]!.click();
    await manager.set({ partners: { google: true } });
    await rest();
    expect(document.querySelector("#film")).toBeNull();
    expect(standIns()).toHaveLength(1);
  });

  test("always records a grant for what that tag needs, nothing else", async () => {
    document.body.innerHTML = FRAME;
    await load();
    buttons()[1]!.click();
    await rest();
    expect(document.querySelector("#film")).not.toBeNull();
    expect(sent("/v1/consents")).toMatchObject([
      {
        method: "choose",
        surface: "page",
        purposes: { functional: true },
        partners: { youtube: true },
        data_items: {},
      },
    ]);
    expect(manager.why("ads").reason).toBe("no_choice");
    expect(bar()).not.toBeNull();
  });

  test("offer nothing where a visitor cannot decide, nor to a script", async () => {
    document.body.innerHTML = FRAME;
    gesture.isMeant = false;
    await load();
    buttons()[0]!.click();
    buttons()[1]!.click();
    await rest();
    expect(document.querySelector("#film")).toBeNull();
    expect(sent("/v1/consents")).toEqual([]);
    nextPage();
    document.body.innerHTML = FRAME;
    const { video, ...others } = config.tags;
    await load({ tags: { ...others, video: { ...video!, shut: "partner_overdue" } } });
    expect(standIns().at(-1)!.shadowRoot!.textContent).toContain("ja placeholder_title");
    expect(buttons()).toHaveLength(0);
  });

  test("stand nowhere for a tag that the notice does not know", async () => {
    document.body.innerHTML = FRAME.replace("video", "nobody");
    await load();
    expect(standIns()).toEqual([]);
  });
});
