// Entry 1, the one line that a site pastes. Decides from what this device stored, opens tags, asks when
// there is something to ask, stores the answer, and begins the rest when it is needed.

import type { Act } from "./act.ts";
import { banner } from "./banner.ts";
import css from "./css/banner.css";
import tokens from "./css/tokens.css";
import { answerAll, askedIds } from "./core/state.ts";
import type { Config, Recorded, Surface, Wording } from "./core/types.ts";
import type { Outcome } from "./decision.ts";
import { createDevice, now, type Device } from "./device.ts";
import { announce } from "./effects/announce.ts";
import { createTags, type Tags } from "./effects/tags.ts";
import type { Hold } from "./hold.ts";
import { hasDatabase, readKept, type Kept } from "./io/database.ts";
import { isMeant } from "./io/gesture.ts";
import { ownScript, scriptFor } from "./io/script.ts";
import { SHOWN, writeCookie } from "./io/storage.ts";
import { idle, wait } from "./io/wait.ts";
import type { Later, Question } from "./later.ts";
import { pageApi, type ConsentManager } from "./page_api.ts";
import type { Send } from "./send.ts";
import { shared } from "./shared.ts";
import type { Signals } from "./signals.ts";
import { createTake, type Taking } from "./take.ts";
import { el, shadow } from "./ui/nodes.ts";

declare const CM_CONFIG: Config;
/** Only on sites that declare vendors with a consent call of their own. */
declare const CM_SIGNALS: Signals | undefined;

/** What the scripts that come later are handed. */
export interface Host extends Pick<Taking, "keep" | "take"> {
  device: Device;
  endpoint: string;
  language: string;
  wording: Wording;
  root: ShadowRoot;
  styles: string;
  /** The first layer, while it asks. */
  bar: HTMLElement | null;
  /** Ask: with a note of what has changed, or what else there is to say. */
  draw(note?: string | false, question?: Question): void;
  /** The notice is there to be seen: count it, and from the next page on what follows it may run. */
  painted(): void;
  /** The script of that name, once; after a failure the next call tries again. */
  load<T>(name: string): Promise<T>;
  /** The same, however long it takes to come. */
  sure<T>(name: string): Promise<T>;
  /** What opens tags and takes decisions, and what sends those. */
  act(): Promise<Act>;
  send(): Promise<Send>;
  later(): Promise<Later>;
  tags: Tags;
  show: ConsentManager["show"];
  /** Tell the vendors what they may do now. Answers the tags that obey without a reload. */
  tell(): string[];
  hold: Hold | undefined;
  /** Decisions of this page that the service has not acknowledged. */
  made: Kept[];
  /** Count the showing, once; there as soon as the notice is. `pressed`: when it was answered. */
  count?(pressed?: unknown): void;
  /** What the service said to that: the proof that a decision brings along. */
  shown?: Promise<Response | void>;
  /** The first layer had the keyboard's focus when it was answered. */
  hadFocus?: boolean | undefined;
  /** Set by act.ts: the first layer was drawn. */
  drawn?(): void;
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
      script.onerror = (event) => {
        delete loading[name];
        reject(event);
      };
      document.head.append(script);
    })) as Promise<T>;

  const sure = <T>(name: string, pause = 4000): Promise<T> =>
    load<T>(name).catch(async () => {
      await wait(pause + pause * Math.random());
      return sure(name, Math.min(2 * pause, 60_000));
    });
  let acting: Promise<Act> | undefined;
  const act = () => (acting ??= sure("act"));

  const styles = tokens + css + config.styles;
  const root = el("section", { id: "cm-root" });
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
    painted,
    load,
    sure,
    act,
    send: () => sure("send"),
    later: () => load("later"),
    tags: createTags(device, (...all) => sure<Later>("later").then((more) => more.inOrder(...all))),
    show,
    tell,
    hold,
    made: [],
  } as unknown as Host;
  const { tags } = host;

  let kept: Promise<Kept[]> | undefined;
  let begin!: () => void;
  const ready = new Promise<void>((start) => (begin = start))
    .then(act)
    .then((more) => more.open(kept));
  const { confirm, take } = Object.assign(host, createTake(host, begin));
  const takeAll = (isGranted: boolean, surface: Surface) =>
    take(
      answerAll(config, device.choices, isGranted, device.gpc, now()),
      isGranted ? "allow" : "refuse",
      surface,
    );

  // --- What the visitor sees ------------------------------------------------------------------
  function draw(note = device.gpc && host.wording.gpc_honoured, question?: Question): void {
    const press = (isGranted: boolean) => {
      const outcome = question?.answer?.(isGranted) ?? takeAll(isGranted, surface);
      host.hadFocus = bar.contains(tree.activeElement);
      bar.remove();
      void outcome.then((done) => host.decided(done));
    };
    host.bar?.remove();
    const bar = (host.bar = banner(
      host,
      surface,
      `${endpoint}/external-transmission/${site}/?lang=${host.language}`,
      note,
      question?.answer ? host.wording.refuse_changed : host.wording.refuse,
      [(event) => isMeant(event) && press(true), () => press(false), show],
    ));
    tree.prepend(bar);
    (bar as Partial<HTMLDialogElement>).showModal?.();
    host.drawn?.();
    painted();
  }

  function painted(): void {
    // It is on the screen. Nobody waits for that to be known.
    requestAnimationFrame(() => {
      const at = Date.now();
      const count = (host.count = (pressed) => {
        writeCookie(SHOWN, notice);
        // Nothing that could name the device travels with it.
        host.shown ??= fetch(`${endpoint}/v1/shown`, {
          body: JSON.stringify({
            notice,
            language: host.language,
            referrer: document.referrer.split("/")[2] ?? "",
            surface,
            site,
            // NaN, which is null there, as long as nothing was pressed.
            waited: (pressed as number) - at,
            variant: config.variant,
            // null = what had been chosen is asked about anew.
            first: device.choices ? null : !device.shown,
          }),
          method: "POST",
          credentials: "omit",
          keepalive: true,
        }).catch(() => {});
      });
      setTimeout(count, REST);
      addEventListener("pagehide", count);
    });
  }

  async function show(): Promise<void> {
    const open = load<() => Promise<void>>("preferences").then((mount) => mount());
    // A service that hangs is away, too. Refusing must stay possible: the first layer can do it alone.
    return Promise.race([
      open,
      wait(8000).then(() => {
        throw null;
      }),
    ]).catch(() => draw(host.wording.offline_note));
  }

  const set: ConsentManager["set"] = async (maps) => {
    // Asked now, not when the code that can do it has come.
    const isByPerson = isMeant();
    try {
      return await (await host.later()).set(maps, isByPerson);
    } catch (error) {
      // A part of it cannot be said without that code. All of it can.
      if (!/false/.test(JSON.stringify(maps))) throw error;
      void takeAll(false, "api").then((done) => host.decided(done));
      return { recorded: true, ignored: [] };
    }
  };

  function attach(): void {
    document.body.prepend(root);
    // Looked at only now: before, the browser is busy with the page's first requests.
    const mayOpen = Object.values(device.decisions()).some(
      ({ allowed, reason }) => allowed && reason !== "exempt",
    );
    // What may open now is opened as soon as it is sure that it may. Else there is no hurry.
    if (mayOpen) {
      kept = readKept();
      void kept.then(confirm).then(begin);
    } else {
      setTimeout(begin, REST);
      addEventListener("scroll", begin);
      idle(async () => {
        if (!host.bar || device.gpc || (await hasDatabase())) begin();
      });
    }
    // What has to be explained first, or fetched, is asked by act.ts.
    const isSaid =
      language === page.lang || !config.more_languages.some((tag) => page.lang.startsWith(tag));
    if (surface !== "link" && isSaid && !device.choices && askedIds(config)[0]) draw();
    if (/[?&]cm-debug\b/.test(document.URL)) void load("debug");
    document.addEventListener("click", (event) => {
      if (!(event.target as Element).closest?.("[data-cm-open]")) return;
      event.preventDefault();
      void show();
    });
  }

  Object.defineProperty(window, "consentManager", {
    value: pageApi(device, () => (begin(), ready), show, set, async (identifiers) =>
      (await host.later()).identify(identifiers),
    ),
  });
  // As soon as there is a body, so that the first frame has the question.
  const look = () => {
    if (!document.body) return;
    if (!root.isConnected) attach();
    // It has to say why it is empty.
    if (tags.scan(document).some(({ place }) => place)) idle(begin);
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
