// One untimed pass of checks: axe-core on banner and dialog, a walk with the keyboard, a screen 320
// px wide, sizes of targets, and what a refusal does.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { locator, sleep, withVisitor } from "./browser.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TOOLS = join(import.meta.dirname, "in_page", "tools.js");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const PHONE = { width: 320, height: 640 };

// For transitions and for answers that nothing in the page announces.
const QUIET_MS = 900;

/** Run every check; one that fails leaves `{error}` and costs no other. */
export async function checks(browser, entry) {
  const steps = { banner, bannerKeys, reject, reflow };
  if (entry.selectors.dialog) steps.dialog = dialog;
  const found = {};
  for (const [name, step] of Object.entries(steps)) {
    const options = step === reflow ? { viewport: PHONE } : {};
    try {
      found[name] = await withVisitor(browser, options, async (context) => {
        const page = await context.newPage();
        await page.addInitScript({ path: TOOLS });
        await arrive(page, entry);
        return step(page, entry);
      });
    } catch (error) {
      found[name] = { error: error.message.split("\n")[0].slice(0, 160) };
    }
  }
  return found;
}

async function arrive(page, { href, selectors }) {
  await page.goto(href);
  await bannerAppears(page, selectors);
}

/** Fails without a banner within 15 s: checks of what is not there would all pass. */
async function bannerAppears(page, selectors) {
  await locator(page, selectors.banner).waitFor({ state: "visible", timeout: 15_000 });
  await sleep(QUIET_MS);
}

async function banner(page, { selectors }) {
  await page.evaluate(AXE);
  return {
    axe: await runAxe(page, selectors.banner),
    small: await ask(page, "smallTargets", selectors.banner),
    areas: {
      accept: await ask(page, "area", selectors.accept),
      reject: await ask(page, "area", selectors.reject),
    },
    takesFocus: await ask(page, "isActiveIn", selectors.banner),
    role: await ask(page, "role", selectors.banner),
  };
}

async function bannerKeys(page, { selectors, gated }) {
  const walk = await walkWithTab(page, selectors.banner, 40);
  await page.context().clearCookies();
  await page.reload();
  await bannerAppears(page, selectors);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
  await sleep(QUIET_MS);
  if (await isVisible(page, selectors.banner)) return { ...walk, escape: "banner stays" };
  const tags = await countTags(page, gated);
  const cookies = (await page.context().cookies()).length;
  const after = `${tags} tags run, ${cookies ? "choice" : "nothing"} stored`;
  return { ...walk, escape: `banner closes, ${after}` };
}

async function reject(page, { href, selectors, gated }) {
  const tagsBefore = await countTags(page, gated);
  await locator(page, selectors.reject).click({ timeout: 5000 });
  await sleep(QUIET_MS);
  const tagsAfter = await countTags(page, gated);
  await page.goto(href, { waitUntil: "load" });
  await sleep(1200);
  return {
    tagsBefore,
    tagsAfter,
    tagsOnRepeat: await countTags(page, gated),
    bannerOnRepeat: await isVisible(page, selectors.banner),
  };
}

async function reflow(page, { selectors }) {
  const found = { banner: await ask(page, "overflow", selectors.banner), dialog: null };
  if (selectors.dialog) {
    await openWithMouse(page, selectors);
    found.dialog = await ask(page, "overflow", selectors.dialog);
  }
  return found;
}

async function dialog(page, { selectors, gated }) {
  await ask(page, "focus", selectors.prefs);
  const opener = await ask(page, "activeLabel");
  await page.keyboard.press("Enter");
  let opensBy = "Enter";
  if (!(await appears(page, selectors.dialog))) {
    await openWithMouse(page, selectors);
    opensBy = "mouse only";
  }
  await sleep(QUIET_MS);
  const found = {
    opensBy,
    kind: await ask(page, "dialogKind", selectors.dialog),
    focusIn: await ask(page, "isActiveIn", selectors.dialog),
  };
  await page.keyboard.press("Escape");
  await sleep(QUIET_MS);
  found.escapeCloses = !(await isVisible(page, selectors.dialog));
  found.tagsAfterEscape = await countTags(page, gated);
  if (found.escapeCloses) {
    found.focusAfter = await ask(page, "activeLabel");
    found.focusBack = found.focusAfter === opener;
    await openWithMouse(page, selectors);
  }
  await page.evaluate(AXE);
  found.axe = await runAxe(page, selectors.dialog);
  found.small = await ask(page, "smallTargets", selectors.dialog);
  found.walk = await walkWithTab(page, selectors.dialog, 80);
  return found;
}

/** Press Tab until the focus comes round; count where it went and what it never reached. */
async function walkWithTab(page, selector, limit) {
  const steps = [];
  const isRound = () => steps.length > 12 && steps.filter((n) => n && n === steps[0]).length > 1;
  const reached = new Set();
  let firstInside = null;
  let outside = 0;
  while (steps.length < limit && !isRound()) {
    await page.keyboard.press("Tab");
    await sleep(12);
    const where = await ask(page, "where", selector);
    steps.push(where?.number ?? null);
    if (where?.isInside) {
      reached.add(where.number);
      firstInside ??= steps.length;
    } else if (where) {
      outside += 1;
    }
  }
  return { firstInside, outside, ...(await ask(page, "missed", selector, [...reached])) };
}

async function runAxe(page, selector) {
  const parts = selector.split(">>>").map((part) => part.trim());
  const { violations, passes, incomplete } = await page.evaluate(
    ([include, values]) => axe.run({ include }, { runOnly: { type: "tag", values } }),
    [[parts.length > 1 ? { fromShadowDom: parts } : parts], RULES],
  );
  const isLaw = ({ tags }) => tags.some((tag) => tag.startsWith("wcag"));
  const brief = ({ id, nodes }) => `${id}(${nodes.length})`;
  const broken = violations.filter(isLaw);
  const contrasts = [...violations, ...passes, ...incomplete]
    .filter(({ id }) => id === "color-contrast")
    .flatMap(({ nodes }) => nodes.flatMap((node) => [...node.any, ...node.all]))
    .map(({ data }) => data?.contrastRatio)
    .filter((ratio) => ratio > 0);
  return {
    wcag: broken.map(brief),
    wcagNodes: broken.reduce((count, { nodes }) => count + nodes.length, 0),
    best: violations.filter((one) => !isLaw(one)).map(brief),
    incomplete: incomplete.map(brief),
    contrast: contrasts.length ? Math.min(...contrasts) : null,
  };
}

async function openWithMouse(page, selectors) {
  await locator(page, selectors.prefs).click({ timeout: 5000 });
  await appears(page, selectors.dialog);
  await sleep(QUIET_MS);
}

const ask = (page, tool, ...values) =>
  page.evaluate(([name, given]) => window.__tools[name](...given), [tool, values]);

const appears = (page, selector) =>
  locator(page, selector)
    .waitFor({ state: "visible", timeout: 5000 })
    .then(
      () => true,
      () => false,
    );

const isVisible = (page, selector) => locator(page, selector).isVisible();

const countTags = (page, gated) =>
  page.evaluate((ids) => (window.__tags ?? []).filter(({ id }) => ids.includes(id)).length, gated);
