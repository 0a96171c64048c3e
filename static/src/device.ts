// This device's decision on this page. Holds the choices and applies a new one in the promised
// order: memory and running tags, cookie and localStorage, outbox, network. Nothing waits for the
// network, a refusal is never lost, a grant opens nothing before it is stored.

import { announce, pushToDataLayer } from "./effects/announce.ts";
import { deleteCookie, forget } from "./effects/cookies.ts";
import { silence } from "./effects/silence.ts";
import type { Tags } from "./effects/tags.ts";
import { applyDecision, decideTag, encode, merge, shouldAsk, toMaps } from "./core/state.ts";
import type {
  ChoiceId,
  Choices,
  Config,
  Decision,
  Method,
  Recorded,
  Surface,
} from "./core/types.ts";
import type { Api } from "./io/api.ts";
import { hasSignal } from "./io/gesture.ts";
import { createOutbox, newKey, type Entry } from "./io/outbox.ts";
import * as storage from "./io/storage.ts";

export interface Outcome {
  /** The service answered; false = it will be sent later. */
  sent: Promise<boolean>;
  /** The page is about to be loaded again, because withdrawn scripts had run on it. */
  reloads: boolean;
}

const now = () => Date.now() / 1000;

export interface Device {
  readonly config: Config;
  readonly gpc: boolean;
  readonly choices: Choices | null;
  readonly shown: number | null;
  decide(code: string): Decision;
  decisions(): Record<string, Decision>;
  shouldAsk(): boolean;
  /** The banner was painted. It counts from the next page on, once it could have been read. */
  markShown(): void;
  record(method: Method, answers: Map<ChoiceId, boolean>, surface: Surface): Promise<Outcome>;
  /** What the service says this device decided; a newer answer of its own stays. */
  learn(known: Choices | null): void;
  /** Open the tags, once it is sure that no stored refusal was missed. */
  start(tags: Tags): Promise<void>;
}

export interface DeviceEvents {
  /** Something other than this page's own buttons changed the choices. */
  changed(): void;
  recorded(answer: Recorded): void;
}

export function createDevice(
  config: Config,
  language: string,
  api: Pick<Api, "record" | "endpoint">,
  events: DeviceEvents,
  reload: () => void,
): Device {
  const codes = Object.keys(config.tags);
  const signals = { gpc: hasSignal() };
  let { choices, doubt } = storage.loadChoices(config);
  const shown = storage.loadShown();
  let tags: Tags;
  const isHistory = (seq: number) => seq < (choices?.seq ?? 0);
  const outbox = createOutbox(
    // A late decision still refuses, unless this device decided again since.
    {
      record: (body) =>
        api.record({ ...body, ...(isHistory(body.client_seq) && { is_history: true }) }),
    },
    { recorded: confirm, dropped: takeBack, stuck },
  );

  function decide(code: string): Decision {
    // What cannot be read, or was written twice, counts as never asked and never shown.
    return decideTag(config, code, choices, signals, doubt ? null : shown, now());
  }

  const decisions = () => Object.fromEntries(codes.map((code) => [code, decide(code)]));

  function forgetDenied(): void {
    const having = (test: (decision: Decision) => boolean) =>
      codes.filter((code) => test(decide(code))).map((code) => config.tags[code]!);
    forget(
      having(({ reason }) => /_refused$|^browser_signal$/.test(reason)),
      having(({ allowed }) => allowed),
    );
  }

  function takeEffect(method: Method | null): string[] {
    const needs_reload = tags.update();
    if (needs_reload.length) silence(api.endpoint);
    forgetDenied();
    const allowed = codes.filter((code) => decide(code).allowed);
    const denied = codes.filter((code) => !allowed.includes(code));
    announce("change", { choices, method, allowed, denied, needs_reload });
    pushToDataLayer(choices);
    return needs_reload;
  }

  let restarting = false;
  function restart(): void {
    if (!restarting) reload();
    restarting = true;
  }

  /** Choices that came from elsewhere: another tab, the outbox, the service. */
  function adopt(other: Choices): void {
    const answers = (of: Choices | null) =>
      of && encode({ ...of, decided_at: 0, seq: 0 }, config.numbers);
    const isNews = answers(other) !== answers(choices);
    choices = other;
    storage.saveChoices(config, other);
    if (isNews && takeEffect(null).length) restart();
  }

  const isNewer = (other: Choices | null | undefined): other is Choices =>
    !!other && other.seq > (choices?.seq ?? 0);

  /** The service has it. Its answer counts, too: a linked device may have refused more. */
  function confirm(answer: Recorded, entry: Entry): void {
    const mine = choices && choices.seq > entry.choices.seq ? choices : entry.choices;
    adopt(merge(mine, answer.choices)!);
    events.recorded(answer);
  }

  /** The service will not record this grant (the notice is retired): close again and ask anew. */
  function takeBack(entry: Entry): void {
    announce("error", { code: "grant_not_recorded", status: 409 });
    if (choices && choices.seq > entry.choices.seq) return;
    adopt({ ...entry.choices, granted: [] });
    events.changed();
  }

  function stuck(status: number): void {
    announce("error", { code: "refusal_not_recorded", status });
  }

  async function record(
    method: Method,
    answers: Map<ChoiceId, boolean>,
    surface: Surface,
  ): Promise<Outcome> {
    if (doubt) deleteCookie("cm_choices");
    else choices = merge(choices, storage.loadChoices(config).choices);
    const earlier = choices;
    const next = applyDecision(config, earlier, method, answers, signals, now());

    // 1 memory: what was granted before and still is; everything else stops here.
    doubt = false;
    choices = { ...next, granted: next.granted.filter((id) => earlier?.granted.includes(id)) };
    tags.update(true);
    // 2 cookie and localStorage. Unstored grants stay shut until the service has them.
    if (storage.saveChoices(config, next)) choices = next;
    const stopped = takeEffect(method);
    // 3 outbox, 4 network.
    const key = newKey();
    const entry: Entry = {
      idempotency_key: key,
      body: {
        site: config.site,
        notice: config.notice.number,
        idempotency_key: key,
        client_seq: next.seq,
        method,
        surface,
        language,
        ...(signals.gpc && signals),
        ...(method !== "refuse" && toMaps(answers)),
      },
      choices: next,
      refuses: [...answers.values()].includes(false),
    };
    const kept = outbox.put(entry);
    await Promise.race([kept, new Promise((done) => setTimeout(done, 150))]);
    const sent = outbox.send(entry);
    const reloads = stopped.length > 0;
    if (reloads) void kept.then(restart);
    return { sent, reloads };
  }

  async function start(watched: Tags): Promise<void> {
    tags = watched;
    // After a crash the cookie may be older than the outbox.
    const [newest] = await outbox.all();
    if (isNewer(newest?.choices)) adopt(newest.choices);
    forgetDenied();
    tags.open();
    announce("ready", { choices, decisions: decisions() });
    outbox.watch();
    storage.onOtherTab(() => {
      const other = storage.loadChoices(config).choices;
      if (!isNewer(other)) return;
      adopt(other);
      events.changed();
    });
  }

  return {
    config,
    gpc: signals.gpc,
    get choices() {
      return choices;
    },
    shown,
    decide,
    decisions,
    shouldAsk: () => shouldAsk(config, choices, now()),
    markShown: () => storage.saveShown(config.notice.number),
    record,
    learn(known) {
      if (known && known.seq >= (choices?.seq ?? 0)) adopt(merge(choices, known)!);
    },
    start,
  };
}
