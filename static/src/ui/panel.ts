// The debug panel's frame: a region that is not modal and can be folded and closed. What has not
// changed is left as it is, so that a text that is being selected stays selected.

import { asText, type Line, type Section } from "../core/report.ts";
import { button, el } from "./nodes.ts";

export interface Panel {
  node: HTMLElement;
  /** Draw what is said now; `count` stays to be read while the panel is folded. */
  show(sections: Section[], count: string): void;
}

function row({ code, state, mark, text }: Line): HTMLElement {
  return el(
    "li",
    { class: state ? null : "cm-pair" },
    el("code", {}, code),
    state && el("b", { class: mark ? "cm-" + mark : null }, state),
    ...text.filter(Boolean).map((one) => el("p", {}, one)),
  );
}

export function panel(closed: () => void): Panel {
  let shown: Section[] = [];
  const places = new Map<string, { list: HTMLElement; drawn: string }>();
  const count = el("span");
  const status = el("span", { role: "status" });
  const body = el("div", {
    id: "cm-debug-body",
    role: "group",
    "aria-label": "What the consent script knows",
    tabindex: 0,
  });

  async function copy(): Promise<void> {
    const text = asText(shown);
    try {
      await navigator.clipboard.writeText(text);
      status.textContent = "Copied.";
    } catch {
      // The page may not use the clipboard: the text to be copied by hand.
      const area = el("textarea", { readonly: true, rows: 8, "aria-label": "Text to copy" }, text);
      body.querySelector("textarea")?.remove();
      body.prepend(area);
      area.focus();
      area.select();
      status.textContent = "Press the keys for copying.";
    }
    setTimeout(() => (status.textContent = ""), 4000);
  }

  const fold = button("Details", "cm-small", () => {
    body.hidden = !body.hidden;
    fold.setAttribute("aria-expanded", "" + !body.hidden);
  });
  fold.setAttribute("aria-expanded", "true");
  fold.setAttribute("aria-controls", body.id);

  const node = el(
    "aside",
    { class: "cm-debug", lang: "en", dir: "ltr", "aria-labelledby": "cm-debug" },
    el(
      "header",
      {},
      el("h2", { id: "cm-debug" }, "Consent debug"),
      fold,
      button("Copy as text", "cm-small", () => void copy()),
      button("Close", "cm-small", () => {
        node.remove();
        closed();
      }),
      count,
      status,
    ),
    body,
  );

  return {
    node,
    show(sections, counted) {
      shown = sections;
      if (count.textContent !== counted) count.textContent = counted;
      for (const { title, lines, none } of sections) {
        let place = places.get(title);
        if (!place) {
          const list = el("ul");
          const heading = el("summary", {}, el("h3", {}, title));
          body.append(el("details", { open: true }, heading, list));
          places.set(title, (place = { list, drawn: "" }));
        }
        const drawn = JSON.stringify([lines, none]);
        if (place.drawn === drawn) continue;
        place.drawn = drawn;
        place.list.replaceChildren(
          ...(lines.length ? lines.map(row) : [el("li", {}, el("p", {}, none))]),
        );
      }
    },
  };
}
