// Entry 1, the one line that a site pastes. Decides from what this device stored, opens the tags
// that are allowed, asks when there is something to ask, and fetches more only when needed.

import { banner } from "./banner.ts";
import css from "./css/banner.css";
import tokens from "./css/tokens.css";
import { createDevice, type Outcome } from "./device.ts";
import { neededIds } from "./core/decide.ts";
import { answerAll } from "./core/state.ts";
import type { Config, Method, Wording } from "./core/types.ts";
import { announce } from "./effects/announce.ts";
import { watchTags } from "./effects/tags.ts";
import { createApi } from "./io/api.ts";
import { isMeant } from "./io/gesture.ts";
import { copyScript, ownScript, scriptFor } from "./io/script.ts";
import { peekSession, putSession, takeSession } from "./io/storage.ts";
import { pageApi } from "./page_api.ts";
import type { Mount, PreferencesHost } from "./preferences.ts";
import { button, el, fill, shadow } from "./ui/nodes.ts";
import { placeholder } from "./ui/placeholder.ts";

declare const CM_CONFIG: Config;

const STYLES = tokens + css;

function start(config: Config): void {
  const endpoint = config.endpoint || new URL(ownScript!.src).origin;
  const wanted = [document.documentElement.lang, navigator.language];
  const language =
    wanted.map((tag) => tag.split("-")[0]!).find((tag) => config.languages.includes(tag)) ??
    config.languages[0]!;
  const wording: Wording = config.wording[language] ?? {};
  const surface = config.presentation;
  const url = (path: string) => new URL(path, endpoint).href;
  const api = createApi(endpoint, config.site);
  const device = createDevice(
    config,
    language,
    api,
    {
      changed: () => (device.shouldAsk() ? ask() : closeBar()),
      recorded(answer) {
        if (answer.deliveries?.length) putSession("cm_receipt", answer.receipt.key);
        preferencesHost.recorded?.(answer);
      },
    },
    () => {
      // What was being said is said again on the fresh page.
      putSession("cm_saved", root.querySelector(".cm-dialog") ? "dialog" : "bar");
      location.reload();
    },
  );

  // --- Tags -----------------------------------------------------------------------------------
  const tags = watchTags({
    decide: (code) => device.decide(code),
    scriptFor(code) {
      const address = config.tags[code]?.loader_url;
      return address ? scriptFor(address) : null;
    },
    copyScript,
    placeholder(code, decision, embed, openOnce) {
      const tag = config.tags[code];
      if (!tag) return null;
      const names = config.partner_names?.[tag.partner] ?? tag.name;
      const values = { partner: names[language] ?? code };
      const text = {
        language,
        title: fill(wording.placeholder_title, values),
        body: fill(wording.placeholder_body, values),
        once: fill(wording.placeholder_once, values),
        always: fill(wording.placeholder_always, values),
      };
      // Only what the visitor decided, or did not decide yet, can be changed here.
      const canChange = /_refused$|^no_choice$|^needs_renewal$|^browser_signal$/.test(
        decision.reason,
      );
      const answers = new Map(neededIds(tag).map((id) => [id, true]));
      const open = {
        once: (event: Event) => isMeant(event) && openOnce(),
        always: (event: Event) =>
          isMeant(event) && void device.record("choose", answers, "page").then(decided),
      };
      return placeholder(STYLES, embed, text, canChange ? open : null);
    },
    report: (tag, decision) => announce("tag", { tag, ...decision }),
  });

  // --- What the visitor sees ------------------------------------------------------------------
  const host = el("div", { id: "cm-root" });
  const root = shadow(host, STYLES);
  const toast = el("p", { class: "cm-toast", role: "status", lang: language });
  const corner = button(wording.settings_link, "cm-corner", () => void show());
  corner.lang = language;
  let bar: HTMLElement | null = null;

  function say(text: string | undefined): void {
    toast.textContent = text ?? "";
    setTimeout(() => (toast.textContent = ""), 8000);
  }

  /** Room at the end of the page, so that nothing stays behind what floats over it. */
  function reserve(height: number): void {
    const { style } = document.documentElement;
    const before = document.body?.offsetHeight;
    style.paddingBottom = style.scrollPaddingBottom = height + "px";
    // A page that is laid out to the window's height would move: it has no end to make room at.
    if (document.body?.offsetHeight !== before) style.paddingBottom = "";
  }

  function closeBar(): void {
    const hadFocus = bar?.contains(root.activeElement);
    bar?.remove();
    bar = null;
    corner.hidden = false;
    reserve(68);
    if (hadFocus) corner.focus();
  }

  function ask(note?: string): void {
    closeBar();
    bar = banner(
      {
        language,
        wording,
        presentation: surface,
        transmissionUrl: url(config.urls.transmission + "?lang=" + language),
        note: note ?? (device.gpc ? wording.gpc_honoured : undefined),
      },
      {
        allow: (event) => isMeant(event) && answer("allow", true),
        refuse: () => answer("refuse", false),
        choose: () => void show(),
      },
    );
    root.prepend(bar);
    corner.hidden = true;
    if (bar instanceof HTMLDialogElement) {
      bar.addEventListener("close", closeBar);
      bar.showModal();
    } else {
      reserve(bar.offsetHeight + 24);
    }
    requestAnimationFrame(() => requestAnimationFrame(painted));
  }

  function answer(method: Method, granted: boolean): void {
    void device.record(method, answerAll(config, granted), surface).then(decided);
  }

  let counted = false;
  function painted(): void {
    if (counted || !bar) return;
    counted = true;
    const first = device.shown === null;
    device.markShown();
    const width = innerWidth;
    api.shown({
      site: config.site,
      notice: config.notice.number,
      language,
      surface,
      device_class: width < 600 ? "phone" : width < 1024 ? "tablet" : "desktop",
      first,
    });
  }

  /** A decision was stored: close the question, say so, and mention an absent service. */
  function decided(outcome: Outcome): void {
    if (!device.shouldAsk()) closeBar();
    // A dialog that stays open speaks for itself.
    if (root.querySelector(".cm-dialog")) return;
    say(outcome.reloads ? wording.saved_withdrawn : wording.saved);
    void outcome.sent.then((sent) => sent || say(wording.offline_note));
  }

  // --- Preferences, on demand -----------------------------------------------------------------
  let mount: Promise<Mount> | null = null;

  async function show(): Promise<void> {
    mount ??= new Promise<Mount>((resolve, reject) => {
      const script = scriptFor(url(config.urls.preferences_js)) as HTMLScriptElement & {
        cmMount?: (mount: Mount) => void;
      };
      script.cmMount = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
    try {
      await (
        await mount
      )(preferencesHost);
    } catch {
      // Refusing must stay possible without the service: the first layer can do it alone.
      mount = null;
      ask(wording.offline_note);
    }
  }

  const preferencesHost: PreferencesHost = {
    api,
    device,
    language,
    root,
    url,
    decided,
  };

  function attach(): void {
    root.append(corner, toast);
    document.body.prepend(host);
    closeBar();
    document.addEventListener("click", (event) => {
      const opener = (event.target as Element | null)?.closest?.("[data-cm-open]");
      if (!opener) return;
      event.preventDefault();
      void show();
    });
    if (peekSession("cm_saved") === "dialog") void show();
    else if (takeSession("cm_saved")) say(wording.saved_withdrawn);
    if (surface !== "link" && device.shouldAsk()) ask();
  }

  const ready = device.start(tags);
  Object.defineProperty(window, "consentManager", {
    value: pageApi(device, ready, show, decided),
  });
  if (document.body) attach();
  else document.addEventListener("DOMContentLoaded", attach);
}

try {
  // Pasted twice, it works once.
  if (!Object.prototype.hasOwnProperty.call(window, "consentManager")) start(CM_CONFIG);
} catch (error) {
  // Nothing was opened, and nothing will be.
  console.error(error);
  announce("error", { code: "loader_failed", status: 0 });
}
