// Measures every page of pages.json in turns, prints the tables and writes results.json and
// tables.md. Usually started by run.py, which also starts the product:
//   node bench.mjs [--runs 9] [--profiles 1x,4x,4x-4g] [--pages a,b]
//                  [--only bytes,checks,timing,cost] [--service URL] [--origin URL] [--out DIR]
// Without --service the pages of our own product are left out.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { checks } from "./lib/a11y.mjs";
import { judge } from "./lib/bars.mjs";
import { launch, PROFILES } from "./lib/browser.mjs";
import { bytesVisit } from "./lib/bytes.mjs";
import { summarise } from "./lib/figures.mjs";
import { withoutScript } from "./lib/no_script.mjs";
import { render } from "./lib/report.mjs";
import { costVisit, timingVisit } from "./lib/timed.mjs";
import { GATED } from "./pages/common.mjs";
import { startServer } from "./server.mjs";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "9" },
    profiles: { type: "string", default: "1x,4x,4x-4g" },
    pages: { type: "string" },
    only: { type: "string", default: "bytes,checks,timing,cost" },
    service: { type: "string" },
    origin: { type: "string", default: "http://127.0.0.1:0" },
    out: { type: "string", default: join(import.meta.dirname, "out") },
  },
});
const runs = Number(options.runs);
const profiles = options.profiles.split(",");
const measures = (what) => options.only.split(",").includes(what);
const log = (...words) => process.stderr.write(`${words.join(" ")}\n`);

const wanted = options.pages?.split(",");
const entries = JSON.parse(readFileSync(join(import.meta.dirname, "pages.json"), "utf8")).filter(
  // "bare" is what every byte and heap figure is compared with.
  ({ name, isOurs }) =>
    (!wanted || wanted.includes(name) || name === "bare") && (!isOurs || options.service),
);
const server = await startServer({
  pages: entries,
  service: options.service,
  port: Number(new URL(options.origin).port),
});
await refuseSlowLoopback();
const browser = await launch();

const gated = GATED.map((tag) => tag.id);
const pages = entries.map((entry) => ({ ...entry, gated, href: server.base + entry.url }));
const results = {
  date: new Date().toISOString(),
  chromium: browser.version(),
  node: process.version,
  cpus: os.cpus().length,
  runs,
  profiles,
  pages: pages.map(({ name, isOurs, isReference }) => ({
    name,
    isOurs,
    isReference,
    raw: { timing: {}, cost: {} },
  })),
};
const resultOf = ({ name }) => results.pages.find((page) => page.name === name);

for (const page of pages) {
  const result = resultOf(page);
  if (measures("bytes")) {
    result.bytes = await attempt("bytes", page, () => bytesVisit(browser, server.base, page));
  }
  if (measures("checks") && page.selectors) {
    log("checks", page.name);
    result.checks = await attempt("checks", page, () => checks(browser, page));
    result.withoutScript = await attempt("no script", page, () => withoutScript(browser, page));
  }
}
for (const name of profiles) {
  const profile = PROFILES[name];
  // Pages take turns within every round, so that drift hits all alike; round 0 warms up.
  for (let round = 0; round <= runs; round++) {
    log(name, round ? `run ${round}/${runs}` : "warm-up");
    for (const page of pages) {
      const keep = (kind, figures) => {
        if (round && figures) (resultOf(page).raw[kind][name] ??= []).push(figures);
      };
      if (measures("cost") && !profile.net) {
        const visit = () => costVisit(browser, server.base, page, profile);
        keep("cost", await attempt("cost", page, visit));
      }
      if (measures("timing") && page.selectors) {
        const visit = () => timingVisit(browser, server.base, page, profile);
        keep("timing", await attempt("timing", page, visit));
      }
    }
  }
}
for (const result of results.pages) {
  for (const kind of ["timing", "cost"]) {
    result[kind] = Object.fromEntries(
      Object.entries(result.raw[kind]).map(([name, visits]) => [name, summarise(visits)]),
    );
  }
}
await browser.close();
server.close();

results.bars = judge(results);
const tables = render(results);
mkdirSync(options.out, { recursive: true });
writeFileSync(join(options.out, "results.json"), JSON.stringify(results, null, 1));
writeFileSync(join(options.out, "tables.md"), tables);
console.log(tables);

/** One page's trouble must not cost the others' figures. */
async function attempt(what, page, visit) {
  try {
    return await visit();
  } catch (error) {
    log(`  failed: ${what} ${page.name}: ${error.message.split("\n")[0]}`);
    return null;
  }
}

/** A shaped loopback (a qdisc on lo) would falsify everything. */
async function refuseSlowLoopback() {
  for (const encoding of ["identity", "br"]) {
    const began = performance.now();
    const body = await fetch(`${server.base}/selftest`, {
      headers: { "accept-encoding": encoding },
      signal: AbortSignal.timeout(3000),
    }).then((answer) => answer.arrayBuffer());
    const took = performance.now() - began;
    if (body.byteLength !== 300_000 || took > 400) {
      log(`The loopback is slow: ${body.byteLength} bytes in ${Math.round(took)} ms.`);
      log("Is there a qdisc on lo? A network namespace of its own helps: see README.md.");
      process.exit(2);
    }
  }
}
