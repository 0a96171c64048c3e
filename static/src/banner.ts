// First layer: asks and waits. As a bar or a card it takes no focus and leaves the page usable; as a
// dialog it is modal. Only its buttons decide: Escape, scrolling and time do nothing.

import { button, el } from "./ui/nodes.ts";
import type { Config, Wording } from "./core/types.ts";

/**
 * `note`: extra lines, where a browser signal was honoured, something changed, or the service is
 * away. `refusal`: label of the second button. `press`: allow, refuse, choose.
 */
export function banner(
  { wording, language: lang }: { wording: Wording; language: string },
  presentation: Config["presentation"],
  transmissionUrl: string,
  note: string | false | undefined,
  refusal: string | undefined,
  press: ((event: Event) => void)[],
): HTMLElement {
  const isModal = presentation === "dialog";
  const label = { lang, "aria-labelledby": "cm-title" };
  const labels = [wording.allow, refusal, wording.choose];
  const section = el(
    "section",
    { class: "cm-bar", ...label },
    el(
      "section",
      { class: "cm-text" },
      el(
        "h2",
        { id: "cm-title", tabindex: isModal ? -1 : null, autofocus: isModal },
        wording.banner_title,
      ),
      el("p", {}, wording.banner_body, " ", el("a", { href: transmissionUrl }, wording.banner_link)),
      note && el("p", { class: "cm-note", role: "status" }, note),
    ),
    el(
      "section",
      { class: "cm-actions" },
      // In Japan all three look alike (NDD guideline); elsewhere the third may be the quiet one.
      ...labels.map((text, index) =>
        button(text, index > 1 && lang !== "ja" ? "cm-button cm-quiet" : "cm-button", press[index]!),
      ),
    ),
  );
  return isModal ? el("dialog", { class: "cm-modal", ...label }, section) : section;
}
