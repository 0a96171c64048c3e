// Stands where a frame or video may not load yet: says who would receive something and lets the
// visitor open it once, or always.

import { button, el, shadow } from "./nodes.ts";

export interface PlaceholderText {
  language: string;
  title: string;
  body: string;
  once: string;
  always: string;
}

export function placeholder(
  css: string,
  embed: Element,
  text: PlaceholderText,
  open: { once(event: Event): void; always(event: Event): void } | null,
): HTMLElement {
  const host = el("div", { class: "cm-placeholder" });
  // The size of what it stands for, so that nothing moves when it opens.
  const size = (name: string) =>
    /^\d+$/.test(embed.getAttribute(name) ?? "") ? embed.getAttribute(name)! : "";
  host.style.display = "block";
  host.style.maxWidth = "100%";
  if (size("width")) host.style.width = size("width") + "px";
  host.style.minHeight = (size("height") || "200") + "px";
  shadow(host, css).append(
    el(
      "section",
      { class: "cm-embed", lang: text.language, "aria-label": text.title },
      el("h2", {}, text.title),
      el("p", {}, text.body),
      open &&
        el(
          "div",
          { class: "cm-actions" },
          button(text.once, "cm-button", open.once),
          button(text.always, "cm-button", open.always),
        ),
    ),
  );
  return host;
}
