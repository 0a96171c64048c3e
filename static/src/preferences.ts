// Entry 3, on demand: the same choices seen three ways (purposes, information, partners), the
// decision, and what became of a withdrawal. Its wording comes from the service with the notice.

import css from "./css/preferences.css";
import tokens from "./css/tokens.css";
import { neededIds } from "./core/decide.ts";
import { createDraft } from "./core/draft.ts";
import { answerAll } from "./core/state.ts";
import type { ChoiceId, Choices, Method, Recorded, Wording } from "./core/types.ts";
import type { Device, Outcome } from "./device.ts";
import type { Api } from "./io/api.ts";
import { isMeant } from "./io/gesture.ts";
import { peekSession, takeSession } from "./io/storage.ts";
import { openDialog, wireTabs } from "./ui/dialog.ts";
import { addStyles, button, el, fill } from "./ui/nodes.ts";

/** What the loader hands over. */
export interface PreferencesHost {
  api: Api;
  device: Device;
  language: string;
  root: ShadowRoot;
  url(path: string): string;
  decided(outcome: Outcome): void;
  /** Set here: called when the service has acknowledged a decision. */
  recorded?: (answer: Recorded) => void;
}

export type Mount = (host: PreferencesHost) => Promise<void>;

interface Described {
  code: string;
  name: string;
  description: string;
}

interface Partner {
  code: string;
  legal_name: string;
  service_name: string;
  country: string;
  role: string;
  policy_url: string;
  optout_url: string;
  purposes: string[];
  required_items: string[];
  optional_items: string[];
}

interface Bootstrap {
  wording: Wording;
  purposes: (Described & { is_necessary: boolean })[];
  data_items: Described[];
  partners: Partner[];
  choices: Choices | null;
}

interface Progress {
  partners: { legal_name: string | Record<string, string>; status: string; due_at: string }[];
  total: number;
  confirmed: number;
}

const POLLS = [300, 1200, 2500, 4000, 8000, 15_000, 30_000];

let known: Bootstrap | null = null;

const mount: Mount = async (host) => {
  const { device, language, root } = host;
  const opened = root.querySelector<HTMLElement>(".cm-dialog");
  if (opened) return opened.focus();

  const answer = await host.api.bootstrap<Bootstrap>(language);
  if (answer.status === 200 && answer.body) {
    known = answer.body;
    device.learn(known.choices);
  }
  if (!known) throw new Error("bootstrap " + answer.status);
  if (root.querySelector<HTMLElement>(".cm-dialog")) return;
  if (!root.querySelector(".cm-dialog-styled")) {
    addStyles(root, tokens + css);
    root.append(el("i", { class: "cm-dialog-styled", hidden: true }));
  }
  build(host, known);
};

function build(host: PreferencesHost, data: Bootstrap): void {
  const { device, language, root } = host;
  const { wording } = data;
  const say = (key: string, values = {}) => fill(wording[key], values);
  const draft = createDraft(device.config, device.choices);
  const join = (names: string[]) => [...new Set(names)].join(language === "ja" ? "、" : ", ");

  const names: Record<ChoiceId, string> = {};
  for (const { code, name } of data.purposes) names["purpose:" + code] = name;
  for (const { code, name } of data.data_items) names["item:" + code] = name;
  for (const { code, legal_name } of data.partners) names["partner:" + code] = legal_name;
  const nameOf = (prefix: string) => (code: string) => names[prefix + code] ?? code;

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
    draft.consequences(id).map(({ tag, missing }) =>
      say("off_consequence", {
        // The tag and not its partner, whose other tags may go on.
        partner: tag.name[language] ?? nameOf("partner:")(tag.partner),
        item: join(missing.map((other) => names[other] ?? other)),
      }),
    );

  /** Partners that run because notice was given, although nothing was answered: never silently. */
  function byNotice(id: ChoiceId): string[] {
    const decisions = device.decisions();
    return Object.entries(device.config.tags)
      .filter(([code, tag]) => {
        const { allowed, reason } = decisions[code]!;
        return allowed && /^notice|^needs/.test(reason) && neededIds(tag).includes(id);
      })
      .map(([, tag]) => say("on_by_notice", { partner: nameOf("partner:")(tag.partner) }))
      .filter(Boolean);
  }

  function line(label: string | undefined, text: string): HTMLElement | null {
    return text ? el("p", {}, el("b", {}, label ?? ""), text) : null;
  }

  function details(...content: (Node | null)[]): HTMLElement {
    return el("details", {}, el("summary", {}, say("details")), ...content);
  }

  const tagsOf = (test: (tag: (typeof device.config.tags)[string]) => boolean) =>
    Object.values(device.config.tags).filter(test);

  const purposeRows = data.purposes.map((purpose) => {
    const id = "purpose:" + purpose.code;
    const users = tagsOf((tag) => tag.purposes.includes(purpose.code));
    const isFixed = purpose.is_necessary || !draft.isAsked(id);
    if (isFixed && !users.length && !purpose.is_necessary) return null;
    const byPartner = [...new Set(users.map((tag) => tag.partner))].map((code) => {
      const items = users
        .filter((tag) => tag.partner === code)
        .flatMap((tag) => [...tag.required_items, ...tag.optional_items]);
      // Partners and items that only exempt tags use are not asked about, and not described here.
      const known = items.map((item) => names["item:" + item]).filter((name) => name !== undefined);
      return names["partner:" + code] ? line(names["partner:" + code], join(known)) : null;
    });
    const effect = () => {
      if (!draft.isOn(id)) return consequences(id);
      const running = draft.running(id);
      const items = running.flatMap((tag) => [
        ...tag.required_items,
        ...tag.optional_items.filter((code) => draft.isOn("item:" + code)),
      ]);
      const sent = running.length
        ? [
            `${say("tab_partners")}: ${join(running.map((tag) => nameOf("partner:")(tag.partner)))}`,
            ...(items.length ? [`${say("tab_items")}: ${join(items.map(nameOf("item:")))}`] : []),
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
    const users = tagsOf((tag) =>
      [...tag.required_items, ...tag.optional_items].includes(item.code),
    );
    if (!users.length) return null;
    return row(
      id,
      !draft.isAsked(id),
      item.description,
      () => consequences(id),
      details(
        line(say("tab_partners"), join(users.map((tag) => nameOf("partner:")(tag.partner)))),
        line(
          say("tab_purposes"),
          join(users.flatMap((tag) => tag.purposes).map(nameOf("purpose:"))),
        ),
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
    if (!tagsOf((tag) => tag.partner === partner.code).length) return null;
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
        line(say("tab_purposes"), join(partner.purposes.map(nameOf("purpose:")))),
        line(
          say("tab_items"),
          join([...partner.required_items, ...partner.optional_items].map(nameOf("item:"))),
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
      button(say("refuse_all"), "cm-button", () =>
        decide("refuse", answerAll(device.config, false)),
      ),
      button(say("save"), "cm-button", (event) => {
        const answers = draft.answers();
        const grants = [...answers].some(([id, on]) => on && !device.choices?.granted.includes(id));
        if (!grants || isMeant(event)) decide(grants ? "choose" : "withdraw", answers);
      }),
      button(say("allow_all"), "cm-button", (event) => {
        if (isMeant(event)) decide("allow", answerAll(device.config, true));
      }),
    ),
  );

  // --- Decision and what became of it ---------------------------------------------------------
  function tell(...lines: string[]): void {
    status.replaceChildren(...lines.filter(Boolean).map((text) => el("p", {}, text)));
  }

  async function decide(method: Method, answers: Map<ChoiceId, boolean>): Promise<void> {
    const ran = Object.values(device.decisions()).filter((one) => one.allowed).length;
    const before = device.choices?.granted ?? [];
    const outcome = await device.record(method, answers, "preferences");
    const withdrew =
      before.some((id) => answers.get(id) === false) ||
      Object.values(device.decisions()).filter((one) => one.allowed).length < ran;
    if (withdrew) tell(withdrawn());
    else dialog.close();
    host.decided(outcome);
    if (withdrew && !(await outcome.sent)) tell(withdrawn(), say("offline_note"));
  }

  /** Says that sending stopped only where all of it did. */
  const withdrawn = () => say(device.choices?.granted.length ? "saved" : "saved_withdrawn");

  /** One line for all partners that have the same deadline, or are late. */
  function outstanding(partners: Progress["partners"]): string[] {
    const clock = new Intl.DateTimeFormat(language, {
      month: "short",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
    });
    const lines = new Map<string, { key: string; time: string; names: string[] }>();
    for (const { status: code, due_at, legal_name } of partners) {
      if (code === "confirmed") continue;
      const key = /overdue|unreachable/.test(code) ? "delivery_overdue" : "delivery_pending";
      const time = clock.format(new Date(due_at));
      const line = lines.get(key + time) ?? { key, time, names: [] };
      line.names.push(typeof legal_name === "string" ? legal_name : (legal_name[language] ?? ""));
      lines.set(key + time, line);
    }
    return [...lines.values()].map(({ key, time, names: late }) =>
      say(key, { partner: join(late), time }),
    );
  }

  async function follow(key: string): Promise<void> {
    for (const delay of POLLS) {
      await new Promise((done) => setTimeout(done, delay));
      if (!dialog.isConnected) return;
      const { status: code, body } = await host.api.revocation<Progress>(key);
      if (code === 404) takeSession("cm_receipt");
      if (code !== 200 || !body?.total) continue;
      tell(
        withdrawn(),
        say("delivery_progress", { total: body.total, confirmed: body.confirmed }),
        ...outstanding(body.partners),
      );
      if (body.confirmed >= body.total) {
        takeSession("cm_receipt");
        return;
      }
    }
  }

  host.recorded = (recorded) => {
    if (dialog.isConnected && recorded.deliveries?.length) void follow(recorded.receipt.key);
  };
  update();
  openDialog(dialog, root, title, root.querySelector<HTMLElement>(".cm-corner"));
  // The page was loaded again because of what was withdrawn here.
  if (takeSession("cm_saved")) tell(withdrawn());
  const key = peekSession("cm_receipt");
  if (key) void follow(key);
}

(
  document.currentScript as (HTMLScriptElement & { cmMount?: (mount: Mount) => void }) | null
)?.cmMount?.(mount);
