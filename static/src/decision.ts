// A decision takes effect, in the promised order: memory and running tags, cookie, then, when the
// frame is out, localStorage, database, network. Nothing waits for the network, a refusal is never
// lost, a grant opens nothing before it is stored.

import { merge } from "./core/merge.ts";
import { encode } from "./core/state.ts";
import type { Choices, Maps, Method, Surface } from "./core/types.ts";
import { announce } from "./effects/announce.ts";
import { pushToDataLayer } from "./effects/data_layer.ts";
import { silence } from "./effects/silence.ts";
import type { Tags } from "./effects/tags.ts";
import { hasDatabase, inDatabase, readKept, type Kept } from "./io/database.ts";
import { newKey } from "./io/key.ts";
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
  /** What the visitor decided now. `maps`: what was answered, if that was not everything alike. */
  commit(next: Choices, method: Method, surface: Surface, maps?: Maps): Outcome;
  /** Make sure that a decision survives, and that the service hears of it. */
  keep(choices: Choices, method: Method, surface: Surface, maps?: Maps): Outcome["sent"];
  /** Choices that came from elsewhere: an older page, another tab, the service. */
  follow(other: Choices | null): void;
  /**
   * Open the tags, once it is sure that no stored refusal was missed: after a crash the cookie may be
   * older than the database. `kept`: what is in it, if somebody looked already.
   */
  open(kept?: Promise<Kept[]>): Promise<void>;
}

export function createDecisions(host: Host, tags: Tags): Decisions {
  const { device } = host;
  const { config } = device;
  const { ids } = config;
  /** A reload is coming, once the decision that needs it is kept. */
  let isLeaving = false;

  /** What was being said is said again on the fresh page. */
  function restart(): void {
    attempt(() => (sessionStorage.cm_saved = host.isOpen ? "dialog" : host.wording.saved));
    location.reload();
  }

  function takeEffect(method: Method | null): void {
    // The vendors hear of it before their tags open.
    const told = host.tell();
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
    host.forget?.();
  }

  const answersOf = (choices: Choices | null) =>
    choices && encode({ ...choices, decided_at: 0, seq: 0, is_unsent: false }, ids);
  /** The storage event of localStorage reaches them. */
  const tellTabs = (text: string) => attempt(() => (localStorage[CHOICES] = text));

  function follow(other: Choices | null): void {
    // What another tab has stored may be news to this page. The page after a reload looks itself.
    const stored = loadCookies(config)[0] ?? null;
    const [known, before] = [encode(device.choices, ids), answersOf(device.choices)];
    const choices = merge(other, stored);
    // A doubt stays one.
    if (choices) device.choices = choices;
    const text = encode(choices, ids);
    if (text && text !== encode(stored, ids)) {
      saveChoices(text);
      tellTabs(text);
    }
    if (isLeaving) return;
    // What was renewed may open, and what has expired may not go on.
    if (before !== answersOf(choices) || tags.update()[0]) takeEffect(null);
    if (isLeaving) restart();
    // What asks again looks here itself: it must not be told what it knows.
    if (text !== known) host.changed();
  }

  async function keep(
    choices: Choices,
    method: Method,
    surface: Surface,
    maps?: Maps,
  ): Promise<boolean> {
    const { language, made } = host;
    // Found in the cookie, it is kept already.
    if (made.some(({ choices: { seq } }) => seq === choices.seq)) return true;
    const [idempotency_key, device_seed] = [newKey(), newKey()];
    const kept: Kept = { idempotency_key, device_seed, choices, method, surface, language, maps };
    made.push(kept);
    // When the frame is out.
    await wait(40);
    // 3 localStorage, which tells the other tabs, and the database.
    tellTabs(encode(choices, ids)!);
    // Unless it was acknowledged meanwhile.
    if (made.includes(kept)) await inDatabase((store) => store.put(kept)).catch(() => {});
    if (isLeaving) restart();
    // 4 network. What takes long is sent, too, but not waited for.
    return Promise.race([host.send().then((more) => more.send(kept)), wait(3000, false)]);
  }

  // Another tab of this browser may have stored choices.
  addEventListener("storage", ({ key }) => key === CHOICES && follow(device.choices));
  // A page that comes back from the cache has missed what was said meanwhile.
  addEventListener("pageshow", ({ persisted }) => persisted && follow(device.choices));

  return {
    follow,
    keep,
    async open(kept) {
      const all = await (kept ?? ((await hasDatabase()) ? readKept() : []));
      // Another tab may have decided since this page has looked.
      const inCookie = loadCookies(config)[0] ?? null;
      const newest = [inCookie, ...all.map(({ choices }) => choices)].reduce(merge, device.choices);
      const isBehind = newest?.seq !== device.choices?.seq;
      // A decision that was made on this page meanwhile is the newest there is.
      if (!device.isOpen && !device.isDoubtful) device.choices = newest;
      device.isOpen = true;
      host.tell();
      tags.update();
      const { choices } = device;
      // A returning visitor's answer, for tag managers; a new one is pushed when it is given.
      if (choices && !host.bar) pushToDataLayer(choices);
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
    commit(next, method, surface, maps) {
      const before = device.choices;
      // 1 memory: what was granted before and still is; everything else stops here.
      device.isOpen = true;
      device.choices = {
        ...next,
        granted: next.granted.filter((id) => before?.granted.includes(id)),
      };
      device.once.clear();
      if (next.refused[0]) tags.update(true);
      // 2 cookie. Unstored grants stay shut until the service has them.
      if (saveChoices(encode(next, ids)!)) device.choices = next;
      takeEffect(method);
      return { sent: keep(next, method, surface, maps), reloads: isLeaving };
    },
  };
}
