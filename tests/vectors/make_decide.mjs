// Writes tests/vectors/decide.json: the cases that tracking/gate/rules.py and static/src/core/decide.ts
// must both answer alike. The written cases carry expectations taken from the text of the rules and
// stop this script when decide.ts disagrees; the rest walks combinations in a fixed order.
//
//   node tests/vectors/make_decide.mjs           write
//   node tests/vectors/make_decide.mjs --check   exit 1 when the file is not what this would write

import { readFileSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import * as esbuild from "esbuild";
import { fixtures, NOW, written } from "./decide_written.mjs";

const file = new URL("decide.json", import.meta.url);
const rules = new URL("../../static/src/core/decide.ts", import.meta.url);
const { code } = await esbuild.transform(readFileSync(rules, "utf8"), {
  loader: "ts",
  format: "esm",
});
const { decide } = await import("data:text/javascript," + encodeURIComponent(code));

/**
 * What the service leaves for the page to decide about one tag: tracking/gate/rules.py does the same
 * and is held against it. Null for a tag that it does not know.
 */
function reduce(c) {
  const notice = fixtures.notices[c.notice];
  const regime = fixtures.regimes[c.regime];
  const own = (table, key) => (Object.hasOwn(table, key) ? table[key] : undefined);
  const tag = own(notice.tags, c.tag);
  const partner = tag && own(notice.partners, tag.partner);
  const natures = tag?.purposes.map((code) => own(notice.natures, code));
  if (!partner || natures.includes(undefined)) return null;
  const needed = [
    "partner:" + tag.partner,
    ...tag.purposes.map((code) => "purpose:" + code),
    ...tag.required_items.map((code) => "item:" + code),
  ];
  const isJoint = partner.role === "joint_user";
  const found = {
    needed,
    optional: tag.optional_items.length ? tag.optional_items.map((code) => "item:" + code) : null,
    exempt: tag.exempt,
    shut: c.overdue.includes(tag.partner)
      ? "partner_overdue"
      : isJoint && partner.effective_at === null && "not_yet_effective",
    from: isJoint && partner.effective_at,
    signal: natures.some((nature) => regime.signal.natures.includes(nature)),
    notice:
      regime.notice_roles.includes(partner.role) &&
      (regime.notice_linkable || !tag.linkable) &&
      natures.every((nature) => (own(regime.notice_natures, tag.transport) ?? []).includes(nature)),
    since: Math.max(...needed.map((id) => own(notice.material_since, id) ?? 2 ** 31)),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value));
}

function answer(c) {
  const { signal, renew_days } = fixtures.regimes[c.regime];
  const terms = { outlives: signal.grant_outlives, renew_days };
  const tag = reduce(c) ?? undefined;
  return decide(tag, terms, c.choices, c.signals.gpc, c.shown_notice, c.now);
}

const cases = [];
for (const one of written) {
  const found = answer(one);
  if (!isDeepStrictEqual(found, one.expected)) {
    console.error(
      `${one.name}: written ${JSON.stringify(one.expected)}, decide.ts ${JSON.stringify(found)}`,
    );
    process.exit(1);
  }
  cases.push({ ...one, page_tag: reduce(one) });
}

/** A small fixed sequence (Park–Miller), so that every run writes the same file. */
let seed = 20261122;
const below = (n) => (seed = (seed * 48271) % 2147483647) % n;
const pick = (list) => list[below(list.length)];

const { notices, regimes } = fixtures;
const DAY = 86400;
const seen = new Set(cases.map(({ name, expected, page_tag, ...rest }) => JSON.stringify(rest)));

function randomChoices(notice) {
  if (below(8) === 0) return null;
  const granted = [];
  const refused = [];
  const mood = pick(["yes", "yes", "mixed", "mixed", "no"]);
  for (const id of Object.keys(notice.material_since)) {
    const roll = below(10);
    if (mood === "yes" ? roll > 0 : mood === "no" ? roll > 8 : roll > 4) granted.push(id);
    else if (mood === "yes" ? below(2) : roll < 3) refused.push(id);
  }
  return {
    granted,
    refused,
    decided_at: NOW - pick([0, 1, 30, 179, 180, 181, 364, 365, 366, 500]) * DAY,
    notice: 1 + below(notice.number),
    with_signal: below(3) === 0,
  };
}

let number = 0;
for (const notice of Object.keys(notices)) {
  for (const regime of Object.keys(regimes)) {
    for (const tag of Object.keys(notices[notice].tags)) {
      if (/^no_|^half_|^odd_|^cart$/.test(tag)) continue;
      for (let turn = 0; turn < 3; turn++) {
        const one = {
          tag,
          notice,
          regime,
          choices: randomChoices(notices[notice]),
          signals: { gpc: below(4) === 0 },
          shown_notice: pick([null, 1, 2, notices[notice].number]),
          overdue: below(12) === 0 ? [pick(Object.keys(notices[notice].partners))] : [],
          now: NOW,
        };
        const text = JSON.stringify(one);
        if (seen.has(text)) continue;
        seen.add(text);
        number += 1;
        cases.push({
          name: `generated ${String(number).padStart(3, "0")}: ${tag}, ${notice}, ${regime}`,
          ...one,
          expected: answer(one),
          page_tag: reduce(one),
        });
      }
    }
  }
}

const lines = cases.map((one) => "    " + JSON.stringify(one));
const body = JSON.stringify(fixtures, null, 2).slice(0, -2);
const text = `${body},\n  "cases": [\n${lines.join(",\n")}\n  ]\n}\n`;

if (process.argv.includes("--check")) {
  if (readFileSync(file, "utf8") !== text) {
    console.error('tests/vectors/decide.json is out of date: run "npm run vectors"');
    process.exit(1);
  }
} else {
  writeFileSync(file, text);
}
const reasons = {};
for (const { expected } of cases) reasons[expected.reason] = (reasons[expected.reason] ?? 0) + 1;
console.log(`${cases.length} cases, ${written.length} of them written`, reasons);
