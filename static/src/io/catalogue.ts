// The published notice in the visitor's language, as the second layer and the placeholders name it.

import { own } from "../core/decide.ts";
import type { Choices, Wording } from "../core/types.ts";
import type { Host } from "../loader.ts";
import { createApi } from "./api.ts";
import { wait } from "./wait.ts";

export interface Described {
  code: string;
  name: string;
  description: string;
}

export interface Partner {
  code: string;
  legal_name: string;
  service_name: string;
  country: string;
  role: string;
  policy_url: string;
  optout_url: string;
  tags: { code: string; name: string }[];
}

export interface Catalogue {
  language: string;
  wording: Wording;
  purposes: Described[];
  data_items: Described[];
  partners: Partner[];
  /** The site's mode, and tag code → declared hosts, strictly necessary tags' as well. */
  hold: { mode: string; hosts: Record<string, string[]> };
  choices: Choices | null;
}

export let known: Catalogue | null = null;

/**
 * Ask the service; what it said last is good enough when it is away. `more`: further parameters.
 *
 * :raises Error: it never answered
 */
export async function loadCatalogue(host: Host, more = ""): Promise<Catalogue> {
  const { site, wording, more_languages } = host.device.config;
  const page = document.documentElement.lang;
  const language =
    [page, page.split("-")[0]!].find((tag) => own(wording, tag) || more_languages.includes(tag)) ??
    host.language;
  // Another language than the script's brings all of its words.
  const path = `/v1/bootstrap?site=${site}&language=${language}${own(wording, language) ? more : ""}`;
  const { status, body } = await createApi(host.endpoint).call<Catalogue>(path);
  if (status === 200 && body) {
    known = body;
    host.language = language;
    host.wording = { ...host.wording, ...body.wording };
    // A newer answer of this browser's own stays.
    const mine = host.device.choices;
    if (body.choices && body.choices.seq >= (mine?.seq ?? 0)) {
      const act = host.act().then((more) => more.follow(mine, body.choices));
      await Promise.race([act, wait(1000)]);
    }
  }
  if (!known) throw new Error("bootstrap " + status);
  return known;
}

/** The names of all choices, by id. */
export function namesOf(catalogue: Catalogue): Record<string, string> {
  const names: Record<string, string> = {};
  for (const { code, name } of catalogue.purposes) names["purpose:" + code] = name;
  for (const { code, name } of catalogue.data_items) names["item:" + code] = name;
  for (const { code, legal_name } of catalogue.partners) names["partner:" + code] = legal_name;
  return names;
}

/** A list as the language writes it: plain, without "and". */
export function join(names: string[], language: string): string {
  return [...new Set(names)].join(/^(ja|zh)/.test(language) ? "、" : ", ");
}
