// Entry 1, the one line that a site pastes. Decides from what this device stored, asks when there is
// something to ask, and begins the rest when it is needed: act.ts opens the tags and takes decisions.

import type { Act } from "./act.ts";
import { banner } from "./banner.ts";
import css from "./css/banner.css";
import tokens from "./css/tokens.css";
import { answerAll, encode } from "./core/state.ts";
import type { Choices, Config, Recorded, Wording } from "./core/types.ts";
import type { Outcome } from "./decision.ts";
import { createDevice, now, type Device } from "./device.ts";
import { announce } from "./effects/announce.ts";
import type { Source } from "./effects/tags.ts";
import type { Hold } from "./hold.ts";
import { hasDatabase, readKept, type Kept } from "./io/database.ts";
import { isMeant } from "./io/gesture.ts";
import { ownScript, scriptFor } from "./io/script.ts";
import { CHOICES, SHOWN, writeCookie } from "./io/storage.ts";
import { idle, wait } from "./io/wait.ts";
import type { Later, Question } from "./later.ts";
import { pageApi, type ConsentManager } from "./page_api.ts";
import type { Send } from "./send.ts";
import { shared } from "./shared.ts";
import type { Signals } from "./signals.ts";
import { el, shadow } from "./ui/nodes.ts";

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
  /** The first layer, while it asks. */
  bar: HTMLElement | null;
  /** Ask: with a note of what has changed, or what else there is to say. */
  draw(note?: string, question?: Question): void;
  /** The script of that name, once; after a failure the next call tries again. */
  load<T>(name: string): Promise<T>;
  /** The same, however long it takes to come. */
  sure<T>(name: string): Promise<T>;
  /** What opens tags and takes decisions, and what sends those. */
  act(): Promise<Act>;
  send(): Promise<Send>;
  later(): Promise<Later>;
  /** Keep room for an embed that may not load. */
  reserve(source: Source): HTMLElement | null;
  release(source: Source): void;
  /** Tell the vendors what they may do now. Answers the tags that obey without a reload. */
  tell(): string[];
  hold: Hold | undefined;
  /** Decisions of this page that the service has not acknowledged. */
  made: Kept[];
  /** Set by act.ts: tags that put a script on this page. */
  ran?: Set<string>;
  /** Set by act.ts: say that a decision was taken. */
  decided(outcome: Outcome): void;
  /** Set by act.ts: choices changed without a button of ours; ask again, or stop asking. */
  changed(): void;
  /** Set by send.ts: delete what refused tags left. */
  forget?: () => void;
  /** What the page asks of others is looked at. */
  isWatched?: boolean;
  /** Set by the dialog: called when the service has acknowledged a decision. */
  recorded?: (answer: Recorded) => void;
  /** Set by the dialog: it is on the screen. */
  isOpen?: boolean;
}

export type Part<T> = HTMLScriptElement & {
  cm: { shared: typeof shared; host: Host; resolve(part: T): void };
};

/** Milliseconds after which a page has come to rest. */
const REST = 5000;

function start(config: Config): void {
  const { presentation: surface, wording: wordings, site, notice } = config;
  const page = document.documentElement;
  const language =
    [page.lang, navigator.language]
      .flatMap((tag) => [tag, tag.split("-")[0]!])
      .find((tag) => Object.hasOwn(wordings, tag)) ?? Object.keys(wordings)[0]!;
  const wording = wordings[language]!;
  const endpoint = config.endpoint || ownScript!.src.split("/", 3).join("/");

  // --- What can wait until it is needed -------------------------------------------------------
  const loading: Partial<Record<string, Promise<unknown>>> = {};

  const load = <T>(name: string): Promise<T> =>
    (loading[name] ??= new Promise((resolve, reject) => {
      const script = scriptFor(`${endpoint}/b/${name}/${config.parts}.js`) as Part<T>;
      script.cm = { shared, host, resolve };
      if (config.integrity) {
        script.crossOrigin = "";
        script.integrity = config.integrity[name]!;
      }
      script.onerror = reject;
      document.head.append(script);
    }).catch((error) => {
      delete loading[name];
      throw error;
    })) as Promise<T>;

  async function sure<T>(name: string): Promise<T> {
    for (let pause = 4000; ; pause = Math.min(2 * pause, 60_000)) {
      try {
        return await load<T>(name);
      } catch {
        await wait(pause + pause * Math.random());
      }
    }
  }
  const act = () => sure<Act>("act");

  const styles = tokens + css;
  const root = el("div", { id: "cm-root" });
  const tree = shadow(root, styles);
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

  const host = {
    device,
    endpoint,
    language,
    wording,
    root: tree,
    styles,
    bar: null,
    draw,
    load,
    sure,
    act,
    send: () => sure("send"),
    later: () => load("later"),
    reserve,
    release,
    tell,
    hold,
    made: [],
  } as unknown as Host;

  let kept: Promise<Kept[]> | undefined;
  let begin!: () => void;
  const ready = new Promise<void>((start) => (begin = start))
    .then(act)
    .then((more) => more.open(kept));

  // --- Room for embeds ------------------------------------------------------------------------
  const places = new Map<Element, HTMLElement>();
  const seen = new Set<Element>();

  /** At once and of the size of what it stands for, so that nothing moves when it comes or opens. */
  function reserve(source: Source): HTMLElement | null {
    const { content } = source as Partial<HTMLTemplateElement>;
    const embed = content?.querySelector("iframe,embed,object,video,audio");
    if (!embed || places.has(source)) return places.get(source) ?? null;
    const place = el("div", { class: "cm-placeholder" });
    const size = (name: string) => embed.getAttribute(name);
    // What is no number of pixels is no valid style, and ignored.
    const { style } = place;
    style.display = "block";
    style.maxWidth = "100%";
    style.width = size("width") + "px";
    style.minHeight = (size("height") ?? 200) + "px";
    source.before(place);
    places.set(source, place);
    return place;
  }

  function release(source: Source): void {
    places.get(source)?.remove();
    places.delete(source);
  }

  function reserveAll(): void {
    for (const source of document.querySelectorAll<Source>("[data-cm-tag]")) {
      if (seen.has(source)) continue;
      seen.add(source);
      const { allowed, reason } = device.decide(source.dataset.cmTag!);
      if (allowed) begin();
      else if (/_refused$|^no_|^brow/.test(reason) && reserve(source)) idle(begin);
    }
  }

  // --- What the visitor sees ------------------------------------------------------------------
  /** Refused: whatever comes later, from here on nothing opens, nor on the next page. */
  function shut(): Choices {
    device.choices = answerAll(config, device.choices, false, device.gpc, now());
    writeCookie(CHOICES, encode(device.choices, config.ids)!);
    return device.choices;
  }

  function draw(note = device.gpc ? wording.gpc_honoured : undefined, question?: Question): void {
    const press = (isGranted: boolean) => {
      // Of a part of the choices, what can record the answer is here already.
      const next = isGranted || question?.answer ? null : shut();
      void act().then((more) => more.press(isGranted, next, question));
      void wait(1000).then(() => bar.remove());
    };
    host.bar?.remove();
    const bar = (host.bar = banner(
      host,
      surface,
      `${endpoint}/external-transmission/${site}/?lang=${host.language}`,
      note,
      question?.answer ? host.wording.refuse_changed : host.wording.refuse,
      [(event) => isMeant(event) && press(true), () => press(false), () => void show()],
    ));
    tree.prepend(bar);
    if (surface === "dialog") (bar as HTMLDialogElement).showModal();
    // It is on the screen. Nobody waits for that to be known.
    requestAnimationFrame(() => {
      setTimeout(count, REST);
      addEventListener("pagehide", count);
    });
  }

  let isCounted = false;
  function count(): void {
    if (isCounted) return;
    isCounted = true;
    // Nothing that could name the device travels with it.
    fetch(endpoint + "/v1/shown", {
      method: "POST",
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
    writeCookie(SHOWN, notice);
  }

  async function show(): Promise<void> {
    // Refusing must stay possible without the service: the first layer can do it alone.
    const away = () => draw(wording.offline_note);
    return Promise.race([load<Act>("act"), wait<null>(8000, null)]).then(
      (more) => (more ? more.show() : away()),
      away,
    );
  }

  const set: ConsentManager["set"] = async (maps) => {
    // Asked now, not when the code that can do it has come.
    const isByPerson = isMeant();
    try {
      return await (await load<Act>("act")).set(maps, isByPerson);
    } catch (error) {
      // A part of it cannot be said without that code. All of it can.
      if (!/false/.test(JSON.stringify(maps))) throw error;
      const refused = shut();
      void act().then((more) => host.decided(more.commit(refused, "refuse", "api")));
      return { recorded: true, ignored: [] };
    }
  };

  function attach(): void {
    document.body.prepend(root);
    // Looked at only now: before, the browser is busy with the page's first requests.
    const mayOpen = Object.values(device.decisions()).some(
      ({ allowed, reason }) => allowed && reason !== "exempt",
    );
    // What may open now is opened as soon as it is sure that it may. Else there is no hurry: at the
    // first sign of life, or when the page has come to rest.
    if (mayOpen) {
      kept = readKept();
      begin();
    } else {
      setTimeout(begin, REST);
      for (const sign of ["pointerover", "focusin", "scroll"]) addEventListener(sign, begin);
      idle(async () => {
        if (!host.bar || device.gpc || (await hasDatabase())) begin();
      });
    }
    // What has to be explained first, or fetched, is asked by act.ts.
    const isSaid =
      language === page.lang || !config.more_languages.some((tag) => page.lang.startsWith(tag));
    if (surface !== "link" && isSaid && !device.choices && device.isAsking()) draw();
    if (/[?&]cm-debug\b/.test(document.URL)) void load("debug");
    document.addEventListener("click", (event) => {
      if (!(event.target as Element).closest?.("[data-cm-open]")) return;
      event.preventDefault();
      void show();
    });
  }

  Object.defineProperty(window, "consentManager", {
    value: pageApi(device, () => (begin(), ready), show, set),
  });
  // As soon as there is a body, so that the first frame has the question.
  const look = () => {
    if (!document.body) return;
    if (!root.isConnected) attach();
    reserveAll();
  };
  const parsing = new MutationObserver(() => safely(look));
  look();
  parsing.observe(document, { childList: true, subtree: true });
  void ready.then(() => parsing.disconnect());
}

function safely(work: () => void): void {
  try {
    work();
  } catch (error) {
    // Nothing was opened, and nothing will be.
    console.error(error);
    announce("error", { code: "loader_failed", status: 0 });
  }
}

safely(() => {
  // Pasted twice, it works once.
  if (!Object.hasOwn(window, "consentManager")) start(CM_CONFIG);
});
