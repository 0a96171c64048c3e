// First layer: asks and waits. As a bar or a card it takes no focus and leaves the page usable; as a
// dialog it is modal. Only its buttons decide: Escape, scrolling and time do nothing.

import { button, el } from "./ui/nodes.ts";
import type { Config, Wording } from "./core/types.ts";

export interface BannerText {
  language: string;
  wording: Wording;
  presentation: Config["presentation"];
  transmissionUrl: string;
  /** Extra line: a browser signal was honoured, or the service cannot be reached. */
  note: string | undefined;
}

export interface BannerPresses {
  allow(event: Event): void;
  refuse(event: Event): void;
  choose(event: Event): void;
}

export function banner(text: BannerText, press: BannerPresses): HTMLElement {
  const { wording, language, presentation } = text;
  // In Japan all three look alike (NDD guideline); elsewhere the third may be the quiet one.
  const third = language === "ja" ? "cm-button" : "cm-button cm-quiet";
  const isModal = presentation === "dialog";
  const label = { lang: language, "aria-labelledby": "cm-title" };
  const section = el(
    "section",
    { class: presentation === "bar" ? "cm-bar" : "cm-bar cm-card", ...label },
    el(
      "div",
      { class: "cm-text" },
      el(
        "h2",
        { id: "cm-title", tabindex: isModal ? -1 : null, autofocus: isModal },
        wording.banner_title,
      ),
      el(
        "p",
        {},
        wording.banner_body,
        " ",
        el("a", { href: text.transmissionUrl }, wording.banner_link),
      ),
      text.note && el("p", { class: "cm-note", role: "status" }, text.note),
    ),
    el(
      "div",
      { class: "cm-actions" },
      button(wording.allow, "cm-button", press.allow),
      button(wording.refuse, "cm-button", press.refuse),
      button(wording.choose, third, press.choose),
    ),
  );
  return isModal ? el("dialog", { class: "cm-modal", ...label }, section) : section;
}
