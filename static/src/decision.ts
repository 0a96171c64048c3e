// The rest of what a decision does, once the loader has stored it and settled its tags: stand-ins,
// events, the reload that stops what ran, the network. And choices that come from elsewhere.

import { merge } from "./core/merge.ts";
import { encode } from "./core/state.ts";
import type { Choices, Method } from "./core/types.ts";
import { announce } from "./effects/announce.ts";
import { pushToDataLayer } from "./effects/data_layer.ts";
import { silence } from "./effects/silence.ts";
import type { WatchedTags } from "./effects/watch_tags.ts";
import { hasDatabase, readKept, type Kept } from "./io/database.ts";
import { saveChoices } from "./io/save.ts";
import { attempt, CHOICES, loadCookies } from "./io/storage.ts";
import { idle, wait } from "./io/wait.ts";
import type { Host } from "./loader.ts";

export interface Outcome {
  /** The service answered; false = it will be sent later. */
  sent: Promise<boolean>;
  /** The page is about to be loaded again, because withdrawn scripts had run on it. */
  reloads: boolean;
}

export interface Decisions {
  /**
   * The visitor decided. `told`: tags that have stopped by being told; `kept`: the decision, once
   * it survives a crash.
   */
  commit(method: Method, told: string[], kept: Promise<Kept>): Outcome;
  /** Choices that came from elsewhere: an older page, another tab, the service. They are merged. */
  follow(...others: (Choices | null)[]): void;
  /**
   * Open the tags, once it is sure that no stored refusal was missed: after a crash the cookie may be
   * older than the database. `kept`: what is in it, if somebody looked already.
   */
  open(kept?: Promise<Kept[]>): Promise<void>;
}

export function createDecisions(host: Host, tags: WatchedTags): Decisions {
  const { device } = host;
  const { config } = device;
  const { ids } = config;
  /** A reload is coming, once the decision that needs it is kept. */
  let isLeaving = false;
  let hasCommitted = false;
  /** Tag managers have heard of the choices. */
  let isPushed = false;

  /** What was being said is said again on the fresh page. */
  function restart(): void {
    attempt(() => (sessionStorage.cm_saved = host.isOpen ? "dialog" : host.wording.saved));
    location.reload();
  }

  function takeEffect(method: Method | null, told: string[]): void {
    const needs_reload = tags.update(!!method).filter((code) => !told.includes(code));
    // Something that ran can only be stopped by loading the page again.
    isLeaving ||= !!needs_reload[0];
    if (isLeaving) silence(host.endpoint);
    const codes = Object.keys(config.tags);
    const allowed = codes.filter((code) => device.decide(code).allowed);
    const { choices } = device;
    announce("change", {
      choices,
      method,
      allowed,
      denied: codes.filter((code) => !allowed.includes(code)),
      needs_reload,
    });
    pushToDataLayer(choices);
    isPushed = true;
    host.forget?.();
  }

  const answersOf = (choices: Choices | null) =>
    choices && encode({ ...choices, decided_at: 0, seq: 0, is_unsent: false }, ids);
  /** The storage event of localStorage reaches them. */
  const tellTabs = (text: string) => attempt(() => (localStorage[CHOICES] = text));

  function follow(...others: (Choices | null)[]): void {
    // What another tab has stored may be news to this page. The page after a reload looks itself.
    const stored = loadCookies(config)[0] ?? null;
    const [known, before] = [encode(device.choices, ids), answersOf(device.choices)];
    const choices = [...others, stored].reduce(merge);
    // A doubt stays one.
    if (choices) device.choices = choices;
    const text = encode(choices, ids);
    if (text && text !== encode(stored, ids)) {
      saveChoices(text);
      tellTabs(text);
    }
    if (isLeaving) return;
    // What was renewed may open, and what has expired may not go on.
    if (before !== answersOf(choices) || tags.update()[0]) takeEffect(null, host.tell());
    if (isLeaving) restart();
    // What asks again looks here itself: it must not be told what it knows.
    if (text !== known) host.changed();
  }

  // Another tab of this browser may have stored choices.
  addEventListener("storage", ({ key }) => key === CHOICES && follow(device.choices));
  // A page that comes back from the cache has missed what was said meanwhile.
  addEventListener("pageshow", ({ persisted }) => persisted && follow(device.choices));

  return {
    follow,
    async open(kept) {
      const all = await (kept ?? ((await hasDatabase()) ? readKept() : []));
      // Another tab may have decided since this page has looked.
      const inCookie = loadCookies(config)[0] ?? null;
      const newest = [inCookie, ...all.map(({ choices }) => choices)].reduce(merge, device.choices);
      const own = host.made.at(-1)?.choices ?? (hasCommitted && device.choices);
      // Decided here, and yet not the newest (another tab, a clock set back): whatever either refuses.
      const found =
        own && newest!.seq > own.seq ? merge({ ...own, seq: newest!.seq }, newest) : newest;
      const isBehind =
        found?.seq !== device.choices?.seq || answersOf(found) !== answersOf(device.choices);
      if (device.isOpen) {
        if (isBehind) follow(found);
        else tags.update();
      } else {
        if (!device.isDoubtful) device.choices = found;
        device.isOpen = true;
        host.tell();
        tags.update();
      }
      const { choices } = device;
      // A returning visitor's answer, for tag managers; a new one is pushed when it is given.
      if (choices && !isPushed && !host.made[0]) pushToDataLayer(choices);
      announce("ready", { choices, decisions: device.decisions() });
      if (isBehind) host.changed();
      if (
        isBehind ||
        device.gpc ||
        choices?.is_unsent ||
        // It may have left something in this browser.
        choices?.refused[0] ||
        all.some(({ is_sent }) => !is_sent)
      ) {
        idle(() => void host.send());
      }
    },
    commit(method, told, kept) {
      hasCommitted = true;
      device.once.clear();
      takeEffect(method, told);
      const sent = kept.then((decision) => {
        if (isLeaving) restart();
        // What takes long is sent, too, but not waited for.
        return Promise.race([host.send().then((more) => more.send(decision)), wait(3000, false)]);
      });
      return { sent, reloads: isLeaving };
    },
  };
}
