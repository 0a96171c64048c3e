// Entry 5, on demand: the page's own choices, why it is asked again, the stand-in for an embed, tags
// whose scripts wait for each other, and what became of a withdrawal.

import { answer } from "./answer.ts";
import ja from "./css/ja.css";
import ko from "./css/ko.css";
import tokens from "./css/tokens.css";
import { fromMaps } from "./core/apply.ts";
import { idsToAsk } from "./core/asking.ts";
import { changes } from "./core/changes.ts";
import { askedIds } from "./core/state.ts";
import type { ChoiceId, Identifiers, Maps } from "./core/types.ts";
import type { Outcome } from "./decision.ts";
import { announce } from "./effects/announce.ts";
import { inOrder } from "./effects/in_order.ts";
import type { InOrder } from "./effects/tags.ts";
import type { Placeholder } from "./effects/watch_tags.ts";
import { warner, watch } from "./effects/watch.ts";
import { createApi } from "./io/api.ts";
import { join, known, loadCatalogue, namesOf } from "./io/catalogue.ts";
import type { Part } from "./loader.ts";
import { addStyles } from "./ui/nodes.ts";
import { placeholder } from "./ui/placeholder.ts";
import { follow, type Tell } from "./ui/progress.ts";

/** A question that is not the first: what to say of it, and what its two answers mean. */
export interface Question {
  note?: string;
  /** Only where a part of the choices is asked about. */
  answer?: (isGranted: boolean) => Promise<Outcome>;
}

export interface Later {
  inOrder: InOrder;
  set(maps: Partial<Maps>, isByPerson: boolean): Promise<{ recorded: boolean; ignored: ChoiceId[] }>;
  identify(identifiers: Identifiers): Promise<{ kept: string[] }>;
  explain(): Promise<Question>;
  /** Fill the place of an embed that may not load. */
  placeholder: Placeholder;
  /** Say how far the partners of a withdrawal are, until `isWanted` says no. */
  follow(key: string, tell: Tell, isWanted: () => boolean): Promise<void>;
}

const { host, resolve } = (document.currentScript as Part<Later>).cm;
// Of languages that the site itself does not speak, the page has not brought them.
const styles = tokens + ja + ko;
host.styles += styles;
addStyles(host.root, styles);
const { device } = host;
const { config } = device;

/** A word to the site's developer, now that it is known which hosts are declared. */
function look(): void {
  if (host.isWatched || !known?.hold || known.hold.mode === "off") return;
  host.isWatched = true;
  const memory = {
    // A decision is known to the second.
    since: () => ((device.choices?.decided_at ?? -1) + 1) * 1000 - performance.timeOrigin,
    wasDenied: (code: string) => !device.decide(code).allowed && !device.once.has(code),
  };
  watch(known.hold.hosts, host.endpoint, memory, warner());
}

resolve({
  inOrder,
  async set(maps, isByPerson) {
    const answers = fromMaps(config, maps);
    const ignored: ChoiceId[] = [];
    for (const [id, granted] of isByPerson ? [] : answers) if (granted) ignored.push(id);
    for (const id of ignored) answers.delete(id);
    if (answers.size) {
      const grants = [...answers.values()].includes(true);
      const outcome = await answer(host, grants ? "choose" : "withdraw", answers, "api");
      host.decided(outcome);
    }
    return { recorded: answers.size > 0, ignored };
  },
  async identify(identifiers) {
    // The service goes by what it has recorded.
    for (const kept of [...host.made]) await (await host.send()).send(kept);
    // What may receive nothing is not told to the service either.
    const granted = new Set<string>();
    for (const [code, { needed }] of Object.entries(config.tags)) {
      if (device.decide(code).reason === "granted") granted.add(needed[0]!);
    }
    const kept = Object.keys(identifiers).filter((code) => granted.has("partner:" + code));
    if (!kept[0]) return { kept };
    const { status } = await createApi(host.endpoint).call("/v1/identifiers", {
      site: config.site,
      identifiers: Object.fromEntries(kept.map((code) => [code, identifiers[code]])),
    });
    if (status === 204) return { kept };
    announce("error", { code: "identifiers_not_kept", status });
    return { kept: [] };
  },
  async explain() {
    const names = namesOf(await loadCatalogue(host));
    look();
    const { choices } = device;
    if (!choices) return {};
    const ids = idsToAsk(config, choices, Date.now() / 1000);
    const name = (some: ChoiceId[]) => join(some.map((id) => names[id] ?? id), host.language);
    const note = changes(config, choices, ids, host.wording, name).join(" ");
    if (ids.length === askedIds(config).length) return { note };
    const answers = (isGranted: boolean) => new Map(ids.map((id) => [id, isGranted]));
    return {
      note,
      answer: (isGranted) => answer(host, "choose", answers(isGranted), config.presentation),
    };
  },
  placeholder: (place, code, decision, openOnce) =>
    void placeholder(host, place, code, decision, openOnce)
      .then(look)
      .catch(() => {}),
  follow: (key, tell, isWanted) => follow(host, key, tell, isWanted),
});
