// Stands where a frame or video may not load yet: says who would receive something and why, and
// lets the visitor open it once, or always.

import css from "../css/placeholder.css";
import { codeOf } from "../core/decide.ts";
import type { Decision } from "../core/types.ts";
import { join, loadCatalogue, namesOf } from "../io/catalogue.ts";
import { isMeant } from "../io/gesture.ts";
import type { Host } from "../loader.ts";
import { answer } from "../answer.ts";
import { fill } from "../core/text.ts";
import { addStyles, button, el, shadow } from "./nodes.ts";

export async function placeholder(
  host: Host,
  place: HTMLElement,
  code: string,
  decision: Decision,
  openOnce: () => void,
): Promise<void> {
  const { needed } = host.device.config.tags[code]!;
  const catalogue = await loadCatalogue(host);
  const { language, wording } = host;
  const names = namesOf(catalogue);
  const nameOf = (id: string) => names[id] ?? codeOf(id);
  const values = {
    partner: nameOf(needed[0]!),
    purposes: join(needed.filter((id) => id.startsWith("purpose:")).map(nameOf), language),
  };
  const title = fill(wording.placeholder_title, values);
  // Only what the visitor decided, or did not decide yet, can be changed here.
  const canChange = /_refused$|^no_choice$|^needs_renewal$|^browser_signal$/.test(decision.reason);
  const tree = shadow(place, host.styles);
  addStyles(tree, css);
  tree.append(
    el(
      "section",
      { class: "cm-embed", lang: language, "aria-label": title },
      el("h2", {}, title),
      el("p", {}, fill(wording.placeholder_body, values)),
      el("p", {}, fill(wording.placeholder_why, values)),
      canChange &&
        el(
          "div",
          { class: "cm-actions" },
          button(wording.placeholder_once, "cm-button", (event) => isMeant(event) && openOnce()),
          button(
            wording.placeholder_always,
            "cm-button",
            (event) =>
              isMeant(event) &&
              void answer(host, "choose", new Map(needed.map((id) => [id, true])), "page").then(
                (outcome) => host.decided(outcome),
              ),
          ),
        ),
    ),
  );
}
