// A decision takes effect, in the promised order: memory and running tags, cookie and localStorage,
// outbox, network. Nothing waits for the network, a refusal is never lost, a grant opens nothing
// before it is stored.

import { applyDecision, toMaps } from "./core/apply.ts";
import { merge } from "./core/merge.ts";
import { askedIds, encode } from "./core/state.ts";
import type { ChoiceId, Choices, Maps, Method, Recorded, Surface } from "./core/types.ts";
import { now } from "./device.ts";
import { announce } from "./effects/announce.ts";
import { deleteCookie, forgetDenied } from "./effects/cookies.ts";
import { pushToDataLayer } from "./effects/data_layer.ts";
import type { Tags } from "./effects/tags.ts";
import { silence } from "./effects/silence.ts";
import type { Outbox } from "./io/outbox.ts";
import { putSession } from "./io/session.ts";
import { loadStored, readLocal } from "./io/copy.ts";
import { saveChoices, writeLocal } from "./io/save.ts";
import { attempt } from "./io/storage.ts";
import { newKey, type Entry, type Store } from "./io/store.ts";
import type { Host } from "./loader.ts";

const SEED = "cm_seed";

export interface Outcome {
  /** The service answered; false = it will be sent later. */
  sent: Promise<boolean>;
  /** The page is about to be loaded again, because withdrawn scripts had run on it. */
  reloads: boolean;
}

/** What is answered: these ids, or everything that the notice asks. */
export type Answers = Map<ChoiceId, boolean> | boolean;

export interface Decisions {
  record(method: Method, answers: Answers, surface: Surface): Promise<Outcome>;
  /** The page's choices were replaced, by another tab's or by older ones that waited: follow. */
  catchUp(): void;
  /** Choices that came from elsewhere: the outbox, the service. */
  adopt(other: Choices): void;
  /** The service has recorded it. Its answer counts, too: a linked device may have refused more. */
  confirm(answer: Recorded, entry: Entry): Choices;
  /** The service will not record this grant: close again; ask anew if that can help. */
  takeBack(entry: Entry, status: number): void;
}

export function createDecisions(
  host: Host,
  tags: Tags,
  store: Store,
  outbox: () => Outbox,
): Decisions {
  const { device } = host;
  const { config, gpc } = device;
  let isRestarting = false;
  /** A reload is coming, once the decision that needs it is kept. */
  let isLeaving = false;
  let seed: string | null = null;

  /** What was being said is said again on the fresh page. */
  function restart(): void {
    if (isRestarting) return;
    isRestarting = true;
    putSession("cm_saved", host.isOpen ? "dialog" : "bar");
    location.reload();
  }

  /** True = something that ran can only be stopped by loading the page again. */
  function takeEffect(method: Method | null): boolean {
    // The vendors hear of it before their tags open.
    const told = host.tell();
    const needs_reload = tags.update().filter((code) => !told.includes(code));
    if (needs_reload[0]) silence(host.endpoint);
    forgetDenied(device);
    const codes = Object.keys(config.tags);
    const allowed = codes.filter((code) => device.decide(code).allowed);
    const denied = codes.filter((code) => !allowed.includes(code));
    announce("change", { choices: device.choices, method, allowed, denied, needs_reload });
    pushToDataLayer(device.choices);
    isLeaving ||= !!needs_reload[0];
    return !!needs_reload[0];
  }

  function forgetSeed(): void {
    seed = null;
    attempt(() => localStorage.removeItem(SEED));
  }

  const answered = () =>
    device.choices && encode({ ...device.choices, decided_at: 0, seq: 0 }, config.ids);
  let known = answered();
  const stored = () => loadStored(config) ?? null;

  function catchUp(): void {
    const kept = stored();
    // What another tab has stored may be news to this page: never write what is older over it.
    const choices = (device.choices = merge(device.choices, kept));
    if (choices && (!kept || encode(kept, config.ids) !== encode(choices, config.ids))) {
      saveChoices(config, choices);
    }
    const isNews = known !== answered();
    known = answered();
    if ((isNews || (!isLeaving && tags.update()[0])) && takeEffect(null)) restart();
    else forgetDenied(device);
  }

  function adopt(other: Choices): void {
    device.choices = other;
    catchUp();
  }

  return {
    adopt,
    catchUp,
    confirm(answer, entry) {
      // From here on the browser has a token.
      forgetSeed();
      const mine = device.choices;
      const base = mine && mine.seq > entry.choices.seq ? mine : entry.choices;
      adopt(merge(base, answer.choices)!);
      if (answer.deliveries?.length) putSession("cm_receipt", answer.receipt.key);
      host.recorded?.(answer);
      return device.choices!;
    },
    takeBack({ body, choices }, status) {
      // A seed that may not grant any more would be refused for ever.
      forgetSeed();
      announce("error", { code: "grant_not_recorded", status });
      if (status === 409) putSession("cm_retired", "" + body.notice);
      if (device.choices && device.choices.seq > choices.seq) return;
      adopt({ ...choices, granted: [] });
      // It was not saved after all.
      host.root.querySelector(".cm-toast")!.textContent = "";
      host.changed();
    },
    async record(method, answers, surface) {
      if (device.isDoubtful) deleteCookie("cm_choices");
      else device.choices = merge(device.choices, stored());
      const earlier = device.choices;
      const given =
        typeof answers === "boolean"
          ? new Map(askedIds(config).map((id) => [id, answers]))
          : answers;
      const next = applyDecision(config, earlier, method, given, gpc, now());

      // 1 memory: what was granted before and still is; everything else stops here.
      device.isDoubtful = false;
      device.choices = {
        ...next,
        granted: next.granted.filter((id) => earlier?.granted.includes(id)),
      };
      device.once.clear();
      tags.update(true);
      // 2 cookie and localStorage. Unstored grants stay shut until the service has them.
      if (saveChoices(config, next)) device.choices = next;
      known = answered();
      const reloads = takeEffect(method);
      // 3 outbox, 4 network.
      const key = newKey();
      // A refusal that the page wrote down itself was not sent by anybody yet.
      seed = readLocal(SEED) ?? seed ?? (earlier && !earlier.is_unsent ? null : newKey());
      if (seed) writeLocal(SEED, seed);
      const maps: Maps | false = method !== "refuse" && toMaps(given);
      const entry: Entry = {
        idempotency_key: key,
        body: {
          site: config.site,
          notice: config.notice,
          idempotency_key: key,
          client_seq: next.seq,
          method,
          surface,
          language: host.language,
          ...(gpc && { gpc }),
          ...(seed && { device_seed: seed }),
          ...maps,
        },
        choices: next,
        refuses: [...given.values()].includes(false),
      };
      const kept = store.put(entry);
      const soon = Promise.race([kept, new Promise((done) => setTimeout(done, 150))]);
      if (reloads) void kept.then(restart);
      return { sent: soon.then(() => outbox().send(entry)), reloads };
    },
  };
}
