// Entry 6, for the developer of a site: with `?cm-debug` in the page's address, a panel that lists
// every tag and every request to another host with the reason why it ran or was held. It looks and
// changes nothing; what it says may be pasted into a ticket, so it leaves queries out.

import css from "./css/debug.css";
import tokens from "./css/tokens.css";
import { own } from "./core/decide.ts";
import { tagOf } from "./core/hosts.ts";
import { inWords } from "./core/reasons.ts";
import { shorten, type Line, type Section } from "./core/report.ts";
import type { Events } from "./core/events.ts";
import type { Decision } from "./core/types.ts";
import { ADVICE, remember, warner, watch, type Asked } from "./effects/watch.ts";
import { createApi } from "./io/api.ts";
import type { Catalogue } from "./io/catalogue.ts";
import { hasDatabase } from "./io/database.ts";
import { createStore } from "./io/store.ts";
import type { Part } from "./loader.ts";
import { addStyles } from "./ui/nodes.ts";
import { panel } from "./ui/panel.ts";

const { host, resolve } = (document.currentScript as Part<void>).cm;
const { device } = host;
const { config } = device;

const MOST_REQUESTS = 200;
const MOST_EVENTS = 50;
const WAYS = { go: "went after waiting", hold: "waits", drop: "kept away" };
const SOURCES = 'template[data-cm-tag],script[type="text/plain"][data-cm-tag]';

const listed = (codes: Iterable<string>) => [...codes].join(" ") || "none";
const seconds = (ms: number) => (ms / 1000).toFixed(2) + " s";
const words = (code: string, decision: Decision) =>
  inWords(own(config.tags, code), decision, device);
const why = (code: string, decision: Decision) =>
  `${code} ${decision.allowed ? "allowed" : "denied"}: ${words(code, decision)}`;

let isClosed = false;
let outbox: number | string = "…";
/** Null until the service has said it. */
let hosts: Record<string, string[]> | null = config.hold?.hosts ?? null;
let mode = config.hold ? (config.hold.strict ? "strict" : "permissive") : "…";
const asked: Line[] = [];
const events: Line[] = [];
const undeclared = new Map<string, Asked>();
const leaks = new Map<string, Asked>();
const memory = remember(device, why);
// Tags open when their vendors have been told, before the page's event.
const { tell } = host;
host.tell = () => {
  memory.look();
  return tell();
};
const warn = host.isWatched ? () => {} : warner();
host.isWatched = true;

// --- What is said -----------------------------------------------------------------------------
function found(): Line[] {
  const line = (state: string, advice: (one: Asked) => string) => (one: Asked) => {
    return { code: one.host, state, mark: "bad" as const, text: [advice(one)] };
  };
  return [
    ...[...leaks.values()].map(line("leak", ADVICE.leak)),
    ...[...undeclared.values()].map(line("undeclared", ADVICE.undeclared)),
  ];
}

function facts(): Line[] {
  const { choices } = device;
  const values: Record<string, unknown> = {
    page: location.host + location.pathname,
    language: host.language,
    granted: choices ? listed(choices.granted) : "nothing was decided",
    refused: choices ? listed(choices.refused) : "nothing was decided",
    decided_at: choices ? new Date(choices.decided_at * 1000).toISOString() : "never",
    notice: `${config.notice}${choices ? `, answered ${choices.notice}` : ""}`,
    shown: device.shown ?? "no notice before this page",
    is_doubtful: device.isDoubtful,
    gpc: `${device.gpc}${choices?.with_signal ? ", and it was seen when this was decided" : ""}`,
    outlives: `${config.outlives} (a grant outlives a later browser signal)`,
    renew_days: `granted ${config.renew_days.granted}, refused ${config.renew_days.refused}`,
    hold_mode: mode,
    outbox: `${outbox} (decisions that wait to be recorded)`,
  };
  return Object.entries(values).map(([code, value]) => ({ code, text: ["" + value] }));
}

function tags(): Line[] {
  const places = Array.from(
    document.querySelectorAll<HTMLElement>(SOURCES),
    ({ dataset }) => dataset.cmTag!,
  );
  return [...new Set([...Object.keys(config.tags), ...places])].map((code) => {
    const decision = device.decide(code);
    const { allowed, reason, withheld } = decision;
    const isOnce = device.once.has(code);
    const count = places.filter((place) => place === code).length;
    return {
      code,
      state: isOnce ? "opened once" : allowed ? "allowed" : "denied",
      // Denied is no fault; a code that nobody knows is one.
      ...((allowed || isOnce) && { mark: "good" as const }),
      ...(reason === "unknown_tag" && { mark: "bad" as const }),
      text: [
        `${reason}: ${words(code, decision)}`,
        withheld.length ? "must not be given: " + withheld.join(", ") : "",
        (count ? `${count} place${count > 1 ? "s" : ""} on this page` : "not on this page") +
          (host.tags.ran.has(code) ? ", its script ran" : count ? ", no script of it ran" : ""),
      ],
    };
  });
}

function note(one: Asked): void {
  const { kind, host: name, way, at, tags: codes } = one;
  if (kind === "undeclared") undeclared.set(name, one);
  if (kind === "leak") leaks.set(name, one);
  asked.unshift({
    code: shorten(one.address),
    state: kind,
    ...(kind !== "earlier" && { mark: kind === "allowed" ? "good" : "bad" }),
    // As of when it was asked; what allows it is reason enough.
    text: [
      `${way}, ${seconds(at)}`,
      ...codes
        .filter((code) => kind !== "allowed" || !memory.wasDenied(code, at))
        .map((code) => (device.once.has(code) ? code + " was opened once" : memory.why(code, at))),
      kind === "undeclared" ? "no tag declares this host" : "",
    ],
  });
  asked.length = Math.min(asked.length, MOST_REQUESTS);
  if (mode !== "off") warn(one);
}

/** As of now: what waits is looked at again at each decision. */
function because(address: string): string[] {
  const codes = tagOf(hosts ?? {}, new URL(address));
  return codes.length
    ? codes.map((code) => why(code, device.decide(code)))
    : ["no tag declares this host, and the site is strict"];
}

function held(): Line[] {
  const log = [...(host.hold?.log ?? [])].reverse();
  return log.map(({ address, way, verdict, at }) => ({
    code: shorten(address),
    state: WAYS[verdict],
    text: [`${way}, ${seconds(at)}`, ...because(address)],
  }));
}

function vendors(): Line[] {
  const { told = {}, vendors: known = {} } = device.signals ?? {};
  return Object.entries(told).map(([code, grants]) => {
    const natures = own(known, code)?.[0];
    const text = grants.length
      ? natures?.map((nature, at) => `${nature}: ${grants[at] ? "granted" : "denied"}`)
      : natures && ["the default: all denied"];
    return { code, text: text ?? ["has no consent call of its own: it can only be not loaded"] };
  });
}

function sections(): Section[] {
  const unknown = "What the tags declare is not known: the service has not answered.";
  const clean = "Every host is declared, and none was asked while denied.";
  return [
    { title: "Findings", lines: found(), none: hosts ? clean : unknown },
    { title: "Tags", lines: tags(), none: "The notice has no tags." },
    { title: "Requests to other hosts", lines: asked, none: hosts ? "None." : unknown },
    ...(host.hold ? [{ title: "Held requests", lines: held(), none: "None." }] : []),
    ...(device.signals ? [{ title: "Vendors told", lines: vendors(), none: "None." }] : []),
    { title: "Device", lines: facts(), none: "" },
    { title: "Events", lines: events, none: "None since this panel came." },
  ];
}

// --- When it is said --------------------------------------------------------------------------
const stops: (() => void)[] = [];
const view = panel(() => {
  isClosed = true;
  stops.forEach((stop) => stop());
});

let isPlanned = false;
function refresh(): void {
  if (isPlanned || isClosed) return;
  isPlanned = true;
  setTimeout(() => {
    isPlanned = false;
    const plural = leaks.size === 1 ? "leak" : "leaks";
    view.show(sections(), `${undeclared.size} undeclared, ${leaks.size} ${plural}`);
  });
}

function hear<K extends keyof Events>(name: K, tell: (detail: Events[K]) => string[]): void {
  const listener = (event: Event) => {
    const text = tell((event as CustomEvent<Events[K]>).detail);
    events.unshift({ code: "cm:" + name, state: seconds(performance.now()), text });
    events.length = Math.min(events.length, MOST_EVENTS);
    refresh();
  };
  document.addEventListener("cm:" + name, listener);
  stops.push(() => document.removeEventListener("cm:" + name, listener));
}

hear("ready", ({ choices }) => [choices ? "decided before" : "nothing was decided"]);
hear("change", ({ method, allowed, denied, needs_reload }) => [
  `by ${method ?? "another tab or the service"}`,
  "allowed: " + listed(allowed),
  "denied: " + listed(denied),
  needs_reload.length ? "loaded again because of " + listed(needs_reload) : "",
]);
hear("tag", ({ tag, allowed, reason }) => [`${tag} ${allowed ? "allowed" : "denied"}: ${reason}`]);
hear("error", ({ code, status }) => [`${code}, status ${status}`]);

function look(): void {
  if (!hosts || isClosed) return;
  const tell = (one: Asked) => {
    note(one);
    refresh();
  };
  stops.push(watch(hosts, host.endpoint, memory, tell));
}

async function learn(): Promise<void> {
  if (hosts) return;
  // Asked without taking anything over from it: a panel must not change what it shows.
  const { body } = await createApi(host.endpoint).call<Catalogue>("/v1/bootstrap?site=" + config.site);
  if (body?.hold) ({ mode, hosts } = body.hold);
}

async function count(): Promise<void> {
  // A panel must not make what it shows.
  const isKept = host.made[0] ?? (await hasDatabase());
  const entries = isKept ? await createStore(config, host.made).all() : [];
  outbox = entries.filter((entry) => !entry.is_sent).length;
  refresh();
}

addStyles(host.root, tokens + css);
host.root.append(view.node);
void learn().then(look, () => {});
void count();
// What has no event of its own: time, the outbox, what is held.
const timer = setInterval(() => void count(), 1000);
stops.push(() => clearInterval(timer));
refresh();
resolve();
