// Entry 4, on demand: the same choices seen three ways (purposes, information, partners), and the
// decision. Its wording comes from the service with the notice.

import css from "./css/preferences.css";
import tokens from "./css/tokens.css";
import { answer } from "./answer.ts";
import { codeOf } from "./core/decide.ts";
import { askedIds } from "./core/state.ts";
import { createDraft, idsOf } from "./core/draft.ts";
import { fill } from "./core/text.ts";
import type { ChoiceId, Method, SiteTag } from "./core/types.ts";
import { join, loadCatalogue, namesOf, type Catalogue } from "./io/catalogue.ts";
import { isMeant } from "./io/gesture.ts";
import { peekSession, takeSession } from "./io/session.ts";
import { wait } from "./io/wait.ts";
import type { Part } from "./loader.ts";
import { openDialog, wireTabs } from "./ui/dialog.ts";
import { addStyles, button, el } from "./ui/nodes.ts";

const { host, resolve } = (document.currentScript as Part<() => Promise<void>>).cm;
addStyles(host.root, tokens + css);

async function open(): Promise<void> {
  const opened = () => host.root.querySelector<HTMLElement>(".cm-dialog");
  if (!opened()) {
    const catalogue = await loadCatalogue(host, "&for=dialog");
    if (!opened()) build(catalogue);
  }
  opened()!.focus();
}

function build(data: Catalogue): void {
  const { device, language, root, wording } = host;
  const { site, tags, signalled } = device.config;
  const say = (key: string, values = {}) => fill(wording[key], values);
  const draft = createDraft(device);
  const names = namesOf(data);
  const list = (ids: ChoiceId[]) => join(ids.map((id) => names[id] ?? codeOf(id)), language);
  const tagNames = Object.fromEntries(
    data.partners.flatMap((partner) => partner.tags.map(({ code, name }) => [code, name])),
  );
  const usersOf = (id: ChoiceId) => Object.values(tags).filter((tag) => idsOf(tag).includes(id));

  // --- Rows -----------------------------------------------------------------------------------
  const updates: (() => void)[] = [];

  /** A label and what it says; nothing where there is nothing to say. */
  const line = (key: string, text: string) => text && el("p", {}, el("b", {}, say(key)), text);
  /** What these tags have to do with choices of one kind. */
  const facts = (key: string, kind: string, users: SiteTag[]) =>
    // Partners and items that only exempt tags use are not asked about, and not described here.
    line(key, list(users.flatMap(idsOf).filter((id) => id.startsWith(kind) && names[id])));

  /** What follows from this switch, and what runs although nothing was answered: never silently. */
  function effects(id: ChoiceId): string[] {
    const byNotice = Object.keys(tags).filter((code) => {
      const { allowed, reason } = device.decide(code);
      return allowed && /^notice|^needs/.test(reason) && tags[code]!.needed.includes(id);
    });
    return [
      ...(draft.isOn(id) ? [] : byNotice).map((code) =>
        say("on_by_notice", { partner: list([tags[code]!.needed[0]!]) }),
      ),
      ...draft.consequences(id).map(({ code, missing }) =>
        // The tag and not its partner, whose other tags may go on.
        say("off_consequence", { partner: tagNames[code] ?? code, item: list(missing) }),
      ),
    ];
  }

  function row(
    id: ChoiceId,
    about: string,
    users: SiteTag[],
    ...more: (Node | string | null | undefined | false)[]
  ): HTMLElement | null {
    const isFixed = !draft.isAsked(id);
    if (isFixed && !users.length) return null;
    const key = "cm-" + id.replace(/\W/g, "-");
    const description = el("p", { id: key + "-about" }, about);
    const name = el(isFixed ? "strong" : "label", { for: isFixed ? null : key }, names[id] ?? id);
    if (isFixed) {
      return el(
        "div",
        { class: "cm-row" },
        name,
        el("p", { class: "cm-fixed" }, say("always_on")),
        description,
        ...more,
      );
    }
    const said = el("div", { class: "cm-effect", "aria-live": "polite" });
    const input = el("input", {
      type: "checkbox",
      role: "switch",
      class: "cm-switch",
      id: key,
      "aria-describedby": key + "-about",
    });
    input.onchange = () => {
      draft.set(id, input.checked);
      for (const update of updates) update();
    };
    let last: string;
    updates.push(() => {
      input.checked = draft.isOn(id);
      const lines = effects(id);
      // What has not changed is not said again.
      if (last === (last = lines.join())) return;
      said.replaceChildren(...lines.map((text) => el("p", { class: "cm-note" }, text)));
    });
    return el("div", { class: "cm-row" }, name, input, description, said, ...more);
  }

  function country(code: string): string | undefined {
    try {
      return new Intl.DisplayNames([language], { type: "region" }).of(code);
    } catch {
      return code;
    }
  }

  const link = (key: string, href: string) =>
    /^https?:\/\/[^/]/i.test(href) &&
    el("p", {}, el("a", { href, target: "_blank", rel: "noopener noreferrer" }, say(key)));

  const rows = {
    tab_purposes: data.purposes.map(({ code, description }) => {
      const id = "purpose:" + code;
      const users = usersOf(id);
      return row(
        id,
        description,
        users,
        facts("tab_partners", "partner:", users),
        facts("tab_items", "item:", users),
      );
    }),
    tab_items: data.data_items.map(({ code, description }) => {
      const id = "item:" + code;
      const users = usersOf(id);
      return row(
        id,
        description,
        users,
        facts("tab_partners", "partner:", users),
        facts("tab_purposes", "purpose:", users),
      );
    }),
    tab_partners: data.partners.map((partner) => {
      const id = "partner:" + partner.code;
      const { service_name, legal_name, role } = partner;
      const users = usersOf(id);
      const about = [
        service_name === legal_name ? "" : service_name,
        country(partner.country),
        wording["role_" + role],
      ];
      return row(
        id,
        about.filter(Boolean).join(" · "),
        users,
        facts("tab_purposes", "purpose:", users),
        facts("tab_items", "item:", users),
        link("policy_link", partner.policy_url),
        link("optout_link", partner.optout_url),
      );
    }),
  };

  // --- Frame ----------------------------------------------------------------------------------
  const tabs = Object.keys(rows).map((key) =>
    el(
      "button",
      { type: "button", role: "tab", class: "cm-tab", id: "cm-" + key, "aria-controls": "cm-p-" + key },
      say(key),
    ),
  );
  const panels = Object.entries(rows).map(([key, children]) =>
    el("div", { role: "tabpanel", id: "cm-p-" + key, "aria-labelledby": "cm-" + key }, ...children),
  );
  wireTabs(tabs, panels);

  const title = el("h2", { id: "cm-prefs", tabindex: -1 }, say("prefs_title"));
  const status = el("div", { class: "cm-status", role: "status" });
  const close = button("×", "cm-close", () => dialog.close());
  close.setAttribute("aria-label", say("close"));
  const dialog = el(
    "dialog",
    { class: "cm-dialog", lang: language, "aria-labelledby": "cm-prefs" },
    el(
      "div",
      { class: "cm-head" },
      title,
      close,
      el("p", {}, say("prefs_lead")),
      // One tap from every page, also where nothing asks (Regs 22-2-28).
      link("banner_link", `${host.endpoint}/external-transmission/${site}/?lang=${language}`),
      // Not where a yes was given under it.
      device.gpc &&
        !signalled.some(draft.isOn) &&
        el("p", { class: "cm-note" }, say("gpc_honoured")),
      el("div", { role: "tablist", "aria-labelledby": "cm-prefs" }, ...tabs),
    ),
    el("div", { class: "cm-panels" }, ...panels),
    status,
    el(
      "div",
      { class: "cm-actions" },
      button(say("refuse_all"), "cm-button", () => void decide("refuse", all(false))),
      button(say("save"), "cm-button", (event) => {
        const answers = draft.answers();
        const grants = [...answers].some(([id, on]) => on && !device.choices?.granted.includes(id));
        if (!grants || isMeant(event)) void decide(grants ? "choose" : "withdraw", answers);
      }),
      button(say("allow_all"), "cm-button", (event) => isMeant(event) && void decide("allow", all(true))),
    ),
  );

  // --- Decision -------------------------------------------------------------------------------
  const tell = (...lines: string[]) =>
    status.replaceChildren(...lines.filter(Boolean).map((text) => el("p", {}, text)));
  /** Says that sending stopped only where all of it did. */
  const withdrawn = () => say(device.choices?.granted[0] ? "saved" : "saved_withdrawn");

  /** Granted, or running because notice was given. */
  function running(): ChoiceId[] {
    return Object.entries(tags).flatMap(([code, { exempt, needed }]) =>
      !exempt && device.decide(code).allowed ? needed : [],
    );
  }

  const all = (isGranted: boolean) =>
    new Map(askedIds(device.config).map((id) => [id, isGranted]));

  async function decide(method: Method, answers: Map<ChoiceId, boolean>): Promise<void> {
    const before = running().concat(device.choices?.granted ?? []);
    const decided = answer(host, method, answers, "preferences");
    // What would say so cannot be had.
    void wait(1500).then(() => host.decided || tell(say("saved"), say("offline_note")));
    const outcome = await decided;
    const withdrew = before.some((id) => device.choices!.refused.includes(id));
    if (withdrew) tell(withdrawn());
    else {
      dialog.close();
      // Its event comes later than what is said next.
      host.isOpen = false;
    }
    host.decided(outcome);
    if (withdrew && !(await outcome.sent)) tell(withdrawn(), say("offline_note"));
  }

  const follow = async (key: string) =>
    (await host.later()).follow(
      key,
      (...lines) => tell(withdrawn(), ...lines),
      () => dialog.isConnected,
    );

  for (const update of updates) update();
  host.isOpen = true;
  dialog.addEventListener("close", () => (host.isOpen = false));
  openDialog(dialog, root, title, root.querySelector<HTMLElement>(".cm-corner"));
  host.recorded = (recorded) => {
    if (dialog.isConnected && recorded.deliveries?.length) void follow(recorded.receipt.key);
  };
  // The page was loaded again because of what was withdrawn here.
  if (takeSession("cm_saved")) tell(withdrawn());
  const key = peekSession("cm_receipt");
  if (key) void follow(key);
}

resolve(open);
