// Entry 3, on demand: the same choices seen three ways (purposes, information, partners), and the
// decision. Its wording comes from the service with the notice.

import css from "./css/preferences.css";
import tokens from "./css/tokens.css";
import { codeOf } from "./core/decide.ts";
import { createDraft, idsOf } from "./core/draft.ts";
import { fill } from "./core/text.ts";
import type { ChoiceId, Method, SiteTag } from "./core/types.ts";
import type { Answers } from "./decision.ts";
import { join as joined, loadCatalogue, namesOf, type Catalogue } from "./io/catalogue.ts";
import { isMeant } from "./io/gesture.ts";
import { peekSession, takeSession } from "./io/session.ts";
import type { Host, Part } from "./loader.ts";
import { openDialog, wireTabs } from "./ui/dialog.ts";
import { addStyles, button, el } from "./ui/nodes.ts";
import type { Tell } from "./ui/progress.ts";

let isStyled = false;

export async function preferences(host: Host): Promise<void> {
  const opened = () => host.root.querySelector<HTMLElement>(".cm-dialog");
  if (opened()) return opened()!.focus();
  const catalogue = await loadCatalogue(host);
  if (opened()) return;
  if (!isStyled) addStyles(host.root, tokens + css);
  isStyled = true;
  build(host, catalogue);
}

function build(host: Host, data: Catalogue): void {
  const { device, language, root } = host;
  const { wording } = data;
  const say = (key: string, values = {}) => fill(wording[key], values);
  const draft = createDraft(device.config, device.choices);
  const join = (list: string[]) => joined(list, language);
  const names = namesOf(data);
  const nameOf = (id: ChoiceId) => names[id] ?? codeOf(id);
  const tagNames = Object.fromEntries(
    data.partners.flatMap(({ tags }) => tags.map(({ code, name }) => [code, name])),
  );

  // --- Rows -----------------------------------------------------------------------------------
  const updates: (() => void)[] = [];
  const update = () => updates.forEach((one) => one());

  function row(
    id: ChoiceId,
    isFixed: boolean,
    description: string,
    effect: () => string[],
    ...more: (Node | null | undefined | false)[]
  ): HTMLElement {
    const key = "cm-" + id.replace(/\W/g, "-");
    const effects = el("div", { class: "cm-effect", "aria-live": "polite" });
    const input = el("input", {
      type: "checkbox",
      role: "switch",
      class: "cm-switch",
      id: key,
      "aria-describedby": key + "-about",
    });
    input.addEventListener("change", () => {
      draft.set(id, input.checked);
      update();
    });
    updates.push(() => {
      input.checked = draft.isOn(id);
      const lines = [...(draft.isOn(id) ? [] : byNotice(id)), ...effect()];
      const text = lines.join("\n");
      if (effects.dataset.text === text) return;
      effects.dataset.text = text;
      effects.replaceChildren(...lines.map((line) => el("p", {}, line)));
    });
    return el(
      "div",
      { class: "cm-row" },
      el(
        "div",
        {},
        el(isFixed ? "strong" : "label", { for: isFixed ? null : key }, names[id] ?? id),
      ),
      isFixed ? el("p", { class: "cm-fixed" }, say("always_on")) : input,
      el("p", { id: key + "-about" }, description),
      isFixed ? null : effects,
      ...more,
    );
  }

  const consequences = (id: ChoiceId) =>
    draft.consequences(id).map(({ code, missing }) =>
      say("off_consequence", {
        // The tag and not its partner, whose other tags may go on.
        partner: tagNames[code] ?? nameOf(device.config.tags[code]!.needed[0]!),
        item: join(missing.map(nameOf)),
      }),
    );

  /** Partners that run because notice was given, although nothing was answered: never silently. */
  function byNotice(id: ChoiceId): string[] {
    const decisions = device.decisions();
    return Object.entries(device.config.tags)
      .filter(([code, tag]) => {
        const { allowed, reason } = decisions[code]!;
        return allowed && /^notice|^needs/.test(reason) && tag.needed.includes(id);
      })
      .map(([, tag]) => say("on_by_notice", { partner: nameOf(tag.needed[0]!) }))
      .filter(Boolean);
  }

  function line(label: string | undefined, text: string): HTMLElement | null {
    return text ? el("p", {}, el("b", {}, label ?? ""), text) : null;
  }

  function details(...content: (Node | null)[]): HTMLElement {
    return el("details", {}, el("summary", {}, say("details")), ...content);
  }

  const usersOf = (id: ChoiceId) =>
    Object.values(device.config.tags).filter((tag) => idsOf(tag).includes(id));
  const isItem = (id: ChoiceId) => id.startsWith("item:");
  const partnersOf = (tags: SiteTag[]) => join(tags.map((tag) => nameOf(tag.needed[0]!)));

  const purposeRows = data.purposes.map((purpose) => {
    const id = "purpose:" + purpose.code;
    const users = usersOf(id);
    const isFixed = purpose.is_necessary || !draft.isAsked(id);
    if (isFixed && !users.length && !purpose.is_necessary) return null;
    const byPartner = [...new Set(users.map((tag) => tag.needed[0]!))].map((partner) => {
      const items = users.filter((tag) => tag.needed[0] === partner).flatMap(idsOf).filter(isItem);
      // Partners and items that only exempt tags use are not asked about, and not described here.
      const known = items.map((item) => names[item]!).filter(Boolean);
      return names[partner] ? line(names[partner], join(known)) : null;
    });
    const effect = () => {
      if (!draft.isOn(id)) return consequences(id);
      const running = draft.running(id);
      const items = running.flatMap((tag) => [
        ...tag.needed.filter(isItem),
        ...(tag.optional ?? []).filter(draft.isOn),
      ]);
      const sent = running.length
        ? [
            `${say("tab_partners")}: ${partnersOf(running)}`,
            ...(items.length ? [`${say("tab_items")}: ${join(items.map(nameOf))}`] : []),
          ]
        : [];
      return [...sent, ...consequences(id)];
    };
    return row(
      id,
      isFixed,
      purpose.description,
      effect,
      byPartner.some(Boolean) && details(...byPartner),
    );
  });

  const itemRows = data.data_items.map((item) => {
    const id = "item:" + item.code;
    const users = usersOf(id);
    if (!users.length) return null;
    const purposes = users.flatMap((tag) => tag.needed.filter((one) => one.startsWith("purpose:")));
    return row(
      id,
      !draft.isAsked(id),
      item.description,
      () => consequences(id),
      details(
        line(say("tab_partners"), partnersOf(users)),
        line(say("tab_purposes"), join(purposes.map(nameOf))),
      ),
    );
  });

  function country(code: string): string {
    try {
      return new Intl.DisplayNames([language], { type: "region" }).of(code) ?? code;
    } catch {
      return code;
    }
  }

  function link(address: string): HTMLElement | null {
    if (!/^https?:\/\/[^/]/i.test(address)) return null;
    const text = address.replace(/^https?:\/\//i, "").replace(/\/$/, "");
    return el(
      "p",
      {},
      el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, text),
    );
  }

  const partnerRows = data.partners.map((partner) => {
    const id = "partner:" + partner.code;
    if (!usersOf(id).length) return null;
    const about = [
      partner.service_name === partner.legal_name ? "" : partner.service_name,
      country(partner.country),
      wording["role_" + partner.role],
    ];
    return row(
      id,
      !draft.isAsked(id),
      about.filter(Boolean).join(" · "),
      () => consequences(id),
      details(
        line(say("tab_purposes"), join(partner.purposes.map((code) => nameOf("purpose:" + code)))),
        line(
          say("tab_items"),
          join(
            [...partner.required_items, ...partner.optional_items].map((code) =>
              nameOf("item:" + code),
            ),
          ),
        ),
        link(partner.policy_url),
        link(partner.optout_url),
      ),
    );
  });

  // --- Frame ----------------------------------------------------------------------------------
  const kinds = [
    { key: "tab_purposes", rows: purposeRows },
    { key: "tab_items", rows: itemRows },
    { key: "tab_partners", rows: partnerRows },
  ];
  const tabs = kinds.map(({ key }) =>
    el(
      "button",
      {
        type: "button",
        role: "tab",
        class: "cm-tab",
        id: "cm-" + key,
        "aria-controls": "cm-p-" + key,
      },
      say(key),
    ),
  );
  const panels = kinds.map(({ key, rows }) =>
    el("div", { role: "tabpanel", id: "cm-p-" + key, "aria-labelledby": "cm-" + key }, ...rows),
  );
  wireTabs(tabs, panels);

  const title = el("h2", { id: "cm-prefs", tabindex: -1 }, say("prefs_title"));
  const status = el("div", { class: "cm-status", role: "status" });
  const close = button(undefined, "cm-close", () => dialog.close());
  close.setAttribute("aria-label", say("close"));
  const dialog = el(
    "dialog",
    { class: "cm-dialog", lang: language, "aria-labelledby": "cm-prefs" },
    el(
      "header",
      {},
      title,
      close,
      el("p", {}, say("prefs_lead")),
      device.gpc && el("p", { class: "cm-note" }, say("gpc_honoured")),
      el("div", { role: "tablist", "aria-labelledby": "cm-prefs" }, ...tabs),
    ),
    el("div", { class: "cm-panels" }, ...panels),
    status,
    el(
      "footer",
      { class: "cm-actions" },
      button(say("refuse_all"), "cm-button", () => void decide("refuse", false)),
      button(say("save"), "cm-button", (event) => {
        const answers = draft.answers();
        const grants = [...answers].some(([id, on]) => on && !device.choices?.granted.includes(id));
        if (!grants || isMeant(event)) void decide(grants ? "choose" : "withdraw", answers);
      }),
      button(say("allow_all"), "cm-button", (event) => {
        if (isMeant(event)) void decide("allow", true);
      }),
    ),
  );

  // --- Decision -------------------------------------------------------------------------------
  const tell: Tell = (...lines) =>
    status.replaceChildren(...lines.filter(Boolean).map((text) => el("p", {}, text)));

  /** Granted, or running because notice was given. */
  function running(): ChoiceId[] {
    const decisions = device.decisions();
    const tags = Object.entries(device.config.tags);
    return [
      ...(device.choices?.granted ?? []),
      ...tags.flatMap(([code, tag]) => (decisions[code]!.allowed && !tag.exempt ? tag.needed : [])),
    ];
  }

  async function decide(method: Method, answers: Answers): Promise<void> {
    const before = running();
    const act = await host.act();
    const outcome = await act.record(method, answers, "preferences");
    const withdrew = before.some((id) => device.choices!.refused.includes(id));
    if (withdrew) tell(withdrawn());
    else dialog.close();
    host.decided(outcome);
    if (withdrew && !(await outcome.sent)) tell(withdrawn(), say("offline_note"));
  }

  /** Says that sending stopped only where all of it did. */
  const withdrawn = () => say(device.choices?.granted.length ? "saved" : "saved_withdrawn");

  async function follow(key: string): Promise<void> {
    const more = await host.later();
    await more.follow(
      key,
      (...lines) => tell(withdrawn(), ...lines),
      () => dialog.isConnected,
    );
  }

  host.recorded = (recorded) => {
    if (dialog.isConnected && recorded.deliveries?.length) void follow(recorded.receipt.key);
  };
  update();
  host.isOpen = true;
  dialog.addEventListener("close", () => (host.isOpen = false));
  openDialog(dialog, root, title, root.querySelector<HTMLElement>(".cm-corner"));
  // The page was loaded again because of what was withdrawn here.
  if (takeSession("cm_saved")) tell(withdrawn());
  const key = peekSession("cm_receipt");
  if (key) void follow(key);
}

const { host, resolve } = (document.currentScript as Part<() => Promise<void>>).cm;
resolve(() => preferences(host));
