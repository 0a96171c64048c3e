// Entry 1, the one line that a site pastes. Decides from what this device stored, opens the tags
// that are allowed, asks when there is something to ask, and fetches more only when needed.

import type { Act } from "./act.ts";
import { banner } from "./banner.ts";
import css from "./css/banner.css";
import tokens from "./css/tokens.css";
import { createDevice, now, type Device } from "./device.ts";
import { encode, refuseAll } from "./core/state.ts";
import type { Config, Recorded, Wording } from "./core/types.ts";
import type { Hold } from "./hold.ts";
import type { Outcome } from "./decision.ts";
import { announce } from "./effects/announce.ts";
import type { Source } from "./effects/tags.ts";
import { isMeant } from "./io/gesture.ts";
import { ownScript, scriptFor } from "./io/script.ts";
import { attempt, CHOICES, saveShown, writeCookie } from "./io/storage.ts";
import type { Later } from "./later.ts";
import { pageApi, type ConsentManager } from "./page_api.ts";
import { shared } from "./shared.ts";
import type { Signals } from "./signals.ts";
import { button, el, shadow } from "./ui/nodes.ts";

declare const CM_CONFIG: Config;
/** Only on sites that declare vendors with a consent call of their own. */
declare const CM_SIGNALS: Signals | undefined;

/** What the scripts that come later are handed. */
export interface Host {
  device: Device;
  endpoint: string;
  language: string;
  wording: Wording;
  root: ShadowRoot;
  styles: string;
  act(): Promise<Act>;
  later(): Promise<Later>;
  reserve(source: Source): HTMLElement | null;
  release(source: Source): void;
  /** Tell the vendors what they may do now. Answers the tags that obey without a reload. */
  tell(): string[];
  hold: Hold | undefined;
  /** What the page asks of others is looked at. */
  isWatched?: boolean;
  decided(outcome: Outcome): void;
  /** Choices changed without a button of ours: ask again, or stop asking. */
  changed(): void;
  /** Set by the dialog: called when the service has acknowledged a decision. */
  recorded?: (answer: Recorded) => void;
  /** A refusal that was made here is about to be recorded. */
  isAnswering?: boolean;
  /** Set by the dialog: it is on the screen. */
  isOpen?: boolean;
}

export type Part<T> = HTMLScriptElement & {
  cm: typeof shared & { host: Host; resolve(part: T): void };
};

/** Some time after the frame, when the page has nothing more urgent to do. */
const idle = (work: () => void) =>
  setTimeout(
    () =>
      "requestIdleCallback" in window ? requestIdleCallback(work, { timeout: 1000 }) : work(),
    150,
  );

const wait = (ms: number) => new Promise<undefined>((done) => setTimeout(done, ms));

function start(config: Config): void {
  const { presentation: surface, urls, wording: wordings, site, notice } = config;
  const page = document.documentElement;
  const language =
    [page.lang, navigator.language]
      .flatMap((tag) => [tag, tag.split("-")[0]!])
      .find((tag) => Object.hasOwn(wordings, tag)) ?? Object.keys(wordings)[0]!;
  // io/catalogue.ts looks which one it is.
  const isFetched =
    language !== page.lang && config.more_languages.some((tag) => page.lang.startsWith(tag));
  const endpoint = config.endpoint || new URL(ownScript!.src).origin;

  // --- What can wait until it is needed -------------------------------------------------------
  const parts: Partial<Record<string, Promise<unknown>>> = {};

  /** The script of that name, once; after a failure the next call tries again. */
  const load = <T>(name: string): Promise<T> =>
    (parts[name] ??= new Promise((resolve, reject) => {
      const script = scriptFor(endpoint + (urls[name] ?? `/b/${name}/0.js`)) as Part<T>;
      script.cm = { ...shared, host, resolve };
      if (config.integrity) {
        script.crossOrigin = "";
        script.integrity = config.integrity[name]!;
      }
      script.onerror = reject;
      document.head.append(script);
    }).catch((error) => {
      parts[name] = undefined;
      throw error;
    })) as Promise<T>;
  const act = () => load<Act>("act");
  const later = () => load<Later>("later");

  /** What takes decisions; however long it takes to come. */
  async function sureAct(): Promise<Act> {
    for (let pause = 4000; ; pause = Math.min(2 * pause, 60_000)) {
      try {
        return await act();
      } catch {
        await wait(pause + pause * Math.random());
      }
    }
  }

  const device = createDevice(config);
  const hold = window.cmHold;
  delete window.cmHold;
  const tell = () => {
    const told = typeof CM_SIGNALS === "undefined" ? [] : CM_SIGNALS.hear(device);
    hold?.update();
    return told;
  };
  // The default, before anything of the vendors' can run.
  tell();
  hold?.follow(device, config.hold!, endpoint);

  const styles = tokens + css;
  const root = el("div", { id: "cm-root" });
  const tree = shadow(root, styles);
  const host: Host = {
    device,
    endpoint,
    language,
    wording: wordings[language]!,
    root: tree,
    styles,
    act,
    later,
    reserve,
    release,
    tell,
    hold,
    decided,
    changed: () => void ask(),
  };

  // What may open now is opened as soon as it is sure that it may; else there is no hurry.
  const mayOpen = Object.values(device.decisions()).some(
    ({ allowed, reason }) => allowed && reason !== "exempt",
  );
  const ready = new Promise<void>((start) => (mayOpen ? start() : idle(start)))
    .then(sureAct)
    .then((more) => more.ready);

  // --- Room for embeds ------------------------------------------------------------------------
  const places = new Map<Element, HTMLElement>();

  /** At once and of the size of what it stands for, so that nothing moves when it comes or opens. */
  function reserve(source: Source): HTMLElement | null {
    const embed =
      source instanceof HTMLTemplateElement &&
      source.content.querySelector("iframe,embed,object,video,audio");
    if (!embed || places.has(source)) return places.get(source) ?? null;
    const place = el("div", { class: "cm-placeholder" });
    const { style } = place;
    style.display = "block";
    style.maxWidth = "100%";
    // What is no number of pixels is no valid style, and ignored.
    style.width = embed.getAttribute("width") + "px";
    style.minHeight = (embed.getAttribute("height") ?? 200) + "px";
    source.before(place);
    places.set(source, place);
    return place;
  }

  function release(source: Source): void {
    places.get(source)?.remove();
    places.delete(source);
  }

  function reserveAll(): void {
    for (const source of document.querySelectorAll<HTMLTemplateElement>("template[data-cm-tag]")) {
      if (/_refused$|^no_|^brow/.test(device.decide(source.dataset.cmTag!).reason)) reserve(source);
    }
  }

  // --- What the visitor sees ------------------------------------------------------------------
  const toast = el("p", { class: "cm-toast", role: "status", lang: language });
  const corner = button(host.wording.settings_link, "cm-corner", () => void show());
  corner.lang = language;
  let bar: HTMLElement | null = null;

  function say(text = ""): void {
    toast.textContent = text;
    if (text) setTimeout(say, 8000);
  }

  /** Room at the end of the page, so that nothing stays behind what floats over it. */
  const resized = new ResizeObserver(() => {
    const { style } = page;
    const height = () => document.body.offsetHeight;
    const before = height();
    const room = (bar?.offsetHeight ?? 44) + 24 + "px";
    if (style.scrollPaddingBottom === room) return;
    style.paddingBottom = style.scrollPaddingBottom = room;
    // A page that is laid out to the window's height would move: it has no end to make room at.
    requestAnimationFrame(() => height() !== before && (style.paddingBottom = ""));
  });

  function closeBar(): void {
    const hadFocus = bar?.contains(tree.activeElement);
    bar?.remove();
    bar = null;
    corner.hidden = false;
    // Leading the keyboard there lays the page out, which what was allowed need not wait for.
    if (hadFocus) requestAnimationFrame(() => corner.focus());
  }

  /** Refused: whatever comes later, from here on nothing opens, nor on the next page. */
  function shut(): void {
    host.isAnswering = true;
    device.choices = refuseAll(config, device.choices, device.gpc, now());
    writeCookie(CHOICES, encode(device.choices, config.ids));
  }

  /** Ask what there is to ask, or take the question away. With a note also where only a link is. */
  async function ask(note?: string): Promise<void> {
    // A notice that the service has retired can get no grant: ask about that once in a tab.
    const isRetired = () => device.choices && attempt(() => sessionStorage.cm_retired) == notice;
    const isAsking = () => note || (surface !== "link" && device.isAsking() && !isRetired());
    // Asked again, or in a language that has to be fetched: first find out what to say. Without the
    // service, after a second, the question alone.
    const question =
      isAsking() && !note && (device.choices || isFetched)
        ? await Promise.race([later().then((more) => more.explain()), wait(1000)]).catch(() => {})
        : undefined;
    bar?.remove();
    if (!isAsking()) return closeBar();
    const { wording } = host;
    const answer = (isGranted: boolean) => {
      // Of a part of the choices, what can record the answer is here already.
      if (!isGranted && !question?.answer) shut();
      const recording = sureAct().then(
        (more) =>
          question?.answer?.(isGranted) ??
          more.record(isGranted ? "allow" : "refuse", isGranted, surface),
      );
      void recording.then(decided);
      void Promise.race([recording, wait(1000)]).then(closeBar);
    };
    bar = banner(
      host,
      surface,
      `${endpoint}${urls.transmission}?lang=${host.language}`,
      note ?? question?.note ?? (device.gpc ? wording.gpc_honoured : undefined),
      question?.answer ? wording.refuse_changed : wording.refuse,
      [(event) => isMeant(event) && answer(true), () => answer(false), () => void show()],
    );
    tree.prepend(bar);
    corner.hidden = true;
    if (bar instanceof HTMLDialogElement) {
      bar.onclose = closeBar;
      bar.showModal();
    }
    resized.observe(bar);
    requestAnimationFrame(() => idle(painted));
  }

  let isCounted = false;
  function painted(): void {
    if (!bar || isCounted) return;
    isCounted = true;
    // Nothing that could name the device travels with it.
    fetch(endpoint + "/v1/shown", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        site,
        notice,
        language: host.language,
        surface,
        first: device.shown === null,
      }),
      keepalive: true,
      credentials: "omit",
    }).catch(() => {});
    saveShown(notice);
  }

  /** A decision was stored: close the question, say so, and mention an absent service. */
  function decided({ reloads, sent }: Outcome): void {
    if (bar && !device.isAsking()) closeBar();
    // A dialog that stays open speaks for itself.
    if (host.isOpen) return;
    const { wording } = host;
    say(reloads ? wording.reload_note : wording.saved);
    void sent.then((isSent) => isSent || say(wording.offline_note));
  }

  async function show(): Promise<void> {
    try {
      const open = load<() => Promise<void>>("preferences").then((mount) => mount());
      // A service that hangs is away, too.
      await Promise.race([open, wait(8000).then(() => Promise.reject())]);
    } catch {
      // Refusing must stay possible without the service: the first layer can do it alone.
      await ask(host.wording.offline_note);
    }
  }

  const set: ConsentManager["set"] = async (maps) => {
    // Asked now, not when the code that can do it has come.
    const isByPerson = isMeant();
    try {
      const more = await later();
      return await more.set(maps, isByPerson);
    } catch (error) {
      // A part of it cannot be said without that code. All of it can.
      if (!/false/.test(JSON.stringify(maps))) throw error;
      shut();
      const more = await sureAct();
      decided(await more.record("refuse", false, "api"));
      return { recorded: true, ignored: [] };
    }
  };

  function attach(): void {
    tree.append(corner, toast);
    resized.observe(corner);
    document.body.prepend(root);
    void ask();
    if (/[?&]cm-debug\b/.test(location.search)) void load("debug");
    document.addEventListener("click", (event) => {
      if (!(event.target as Element).closest?.("[data-cm-open]")) return;
      event.preventDefault();
      void show();
    });
    // Not before the first frame: the browser takes its time to find it.
    requestAnimationFrame(() => {
      const said = attempt(() => sessionStorage.cm_saved);
      if (said === "dialog") void show();
      else if (said) {
        delete sessionStorage.cm_saved;
        say(host.wording.saved_withdrawn);
      }
    });
  }

  Object.defineProperty(window, "consentManager", { value: pageApi(device, ready, show, set) });
  // As soon as there is a body, so that the first frame has the question.
  const parsing = new MutationObserver(() => {
    if (document.body && !root.isConnected) attach();
    reserveAll();
  });
  if (document.body) attach();
  reserveAll();
  parsing.observe(document, { childList: true, subtree: true });
  void ready.then(() => parsing.disconnect());
  if (ownScript?.async || ownScript?.defer || document.scripts[0] !== ownScript) {
    console.warn("The consent script must be the page's first, without async or defer.");
  }
}

try {
  // Pasted twice, it works once.
  if (!Object.hasOwn(window, "consentManager")) start(CM_CONFIG);
} catch (error) {
  // Nothing was opened, and nothing will be.
  console.error(error);
  announce("error", { code: "loader_failed", status: 0 });
}
