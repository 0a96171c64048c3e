// Timed visits. A cost visit reads the browser's own meters and runs no probe; a timing visit runs
// the probe, accepts, and comes again.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { locator, openPage, sleep, withVisitor } from "./browser.mjs";

const PROBE = readFileSync(join(import.meta.dirname, "in_page", "probe.js"), "utf8");
const WATCH = join(import.meta.dirname, "in_page", "watch.js");

// Between "ready" and the press: nobody presses sooner, and some peers listen only by then.
const BEFORE_PRESS_MS = 500;

/** The probe for a page, to be added as an init script. */
export const probeFor = ({ selectors: { banner, accept } }) =>
  PROBE.replace("__SELECTORS__", JSON.stringify({ banner, accept }));

/** Wait until the probe saw the moment ("painted" or "ready"), at most 15 s; ms or null. */
export async function waitForMoment(page, moment) {
  return until(15_000, async () => {
    const time = await page.evaluate((name) => window.__probe[name], moment);
    return time > 0 ? time : null;
  });
}

/** Script, task and layout time, long tasks, layout shift and heap of one cold visit. */
export const costVisit = (browser, base, entry, profile) =>
  withVisitor(browser, {}, async (context) => {
    const { page, cdp } = await openPage(browser, context, base, profile);
    await page.addInitScript({ path: WATCH });
    await cdp.send("Performance.enable", { timeDomain: "timeTicks" });
    const before = await meters(cdp);
    await page.goto(entry.href, { waitUntil: "load" });
    await sleep(profile.settle);
    const after = await meters(cdp);
    const seen = await page.evaluate(() => ({
      ...window.__watch,
      fcp: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    }));
    await cdp.send("HeapProfiler.enable");
    await cdp.send("HeapProfiler.collectGarbage");
    const swept = await meters(cdp);
    // The meters start anew where the page got a new renderer.
    const ms = (name) =>
      1000 * (after[name] >= before[name] ? after[name] - before[name] : after[name]);
    return {
      script: ms("ScriptDuration"),
      task: ms("TaskDuration"),
      layout: ms("LayoutDuration") + ms("RecalcStyleDuration"),
      longtasks: seen.longTasks.length,
      tbt: seen.longTasks.reduce((sum, duration) => sum + Math.max(0, duration - 50), 0),
      cls: seen.shift,
      heapKB: swept.JSHeapUsedSize / 1024,
      nodes: swept.Nodes,
      listeners: swept.JSEventListeners,
      fcp: seen.fcp,
    };
  });

/** Cold visit with the probe, accept; then a new page with the choice stored and a warm cache. */
export const timingVisit = (browser, base, entry, profile) =>
  withVisitor(browser, {}, async (context) => {
    const { gated, selectors } = entry;
    const { page } = await openPage(browser, context, base, profile);
    await page.addInitScript(probeFor(entry));
    await page.goto(entry.href, { waitUntil: "load" });
    await waitForMoment(page, "ready");
    const { painted, ready } = await probe(page);
    const early = (await tagTimes(page, gated)).length;
    await sleep(BEFORE_PRESS_MS);
    const accepted = await accept(page, selectors.accept, gated);
    await page.close();

    const { page: again } = await openPage(browser, context, base, profile);
    await again.goto(entry.href, { waitUntil: "load" });
    const repeat = await allTags(again, gated, 5000);
    await sleep(200);
    return {
      painted,
      ready,
      early,
      ...accepted,
      repeatFirst: first(repeat),
      repeatLast: last(repeat, gated),
      tagsOnRepeat: repeat.length,
      bannerOnRepeat: await locator(again, selectors.banner).isVisible(),
      loop: await again.evaluate(fixedLoop),
    };
  });

async function accept(page, selector, gated) {
  const box = await locator(page, selector).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await sleep(50);
  await page.mouse.down();
  await page.mouse.up();
  await until(8000, async () => {
    const { gone } = await probe(page);
    return gone > 0 && (await tagTimes(page, gated)).length >= gated.length;
  });
  await sleep(150);
  const { click, gone, events } = await probe(page);
  const times = await tagTimes(page, gated);
  if (click == null) return { tagsAfterAccept: times.length };
  const since = (time) => (time == null ? null : time - click);
  const presses = events.filter((event) => event.interaction > 0);
  const firsts = events.filter((event) => event.isFirst);
  const durations = (presses.length ? presses : firsts).map((event) => event.duration);
  return {
    tagsAfterAccept: times.length,
    acceptFirst: since(first(times)),
    acceptLast: since(last(times, gated)),
    gone: gone > 0 ? since(gone) : null,
    // Shorter ones are not reported.
    inp: durations.length ? Math.max(...durations) : 16,
  };
}

const probe = (page) => page.evaluate(() => window.__probe);

const tagTimes = (page, gated) =>
  page.evaluate(
    (ids) => (window.__tags ?? []).filter(({ id }) => ids.includes(id)).map(({ t }) => t),
    gated,
  );

async function allTags(page, gated, limit) {
  await until(limit, async () => (await tagTimes(page, gated)).length >= gated.length);
  return tagTimes(page, gated);
}

const first = (times) => (times.length ? Math.min(...times) : null);
const last = (times, gated) => (times.length >= gated.length ? Math.max(...times) : null);

/** How slow this CPU is right now, in ms of page time. */
function fixedLoop() {
  const began = performance.now();
  let x = 0;
  for (let i = 0; i < 3e6; i++) x = (x * 31 + i) | 0;
  return performance.now() - began + (x & 0);
}

const meters = async (cdp) => {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
};

/** Ask until the answer is truthy, and return it; null after `limit` ms. */
async function until(limit, ask) {
  const end = Date.now() + limit;
  while (Date.now() < end) {
    await sleep(60);
    const answer = await ask();
    if (answer) return answer;
  }
  return null;
}
