// The bars that our own pages must pass, out of one run: `judge` returns
// [{page, bar, value, limit, passes}]; `passes` is null where the run has not measured it.
// Limits that speak of the floor or of peers are taken from the same run.
import { bytesUntil, median, pageNamed } from "./figures.mjs";

const SLOW = "4x";

export function judge(results) {
  return results.pages.filter((page) => page.isOurs).flatMap((page) => judgePage(results, page));
}

function judgePage(results, page) {
  const found = [];
  const add = (bar, value, limit, passes) =>
    found.push({ page: page.name, bar, value, limit, passes: value == null ? null : passes });
  const atMost = (bar, value, limit) => add(bar, value, `≤ ${limit}`, value <= limit);

  for (const profile of results.profiles) {
    const race = (bar, field, factor) => {
      const value = median(page, "timing", profile, field);
      const floor = median(pageNamed(results, "floor"), "timing", profile, field);
      const best = bestPeer(results, profile, field);
      const limits = [];
      let passes = true;
      if (factor && floor != null) {
        limits.push(`≤ ${factor} × floor (${(factor * floor).toFixed(1)})`);
        passes &&= value <= factor * floor;
      }
      if (best) {
        limits.push(`< ${best.name} (${best.value.toFixed(1)})`);
        passes &&= value < best.value;
      }
      add(`${bar}, ${profile}`, value, limits.join(", "), limits.length ? passes : null);
    };
    race("banner painted, ms", "painted", 1.15);
    race("ready to click, ms", "ready");
    race("accept > first tag, ms", "acceptFirst", 1.15);
    race("accept > all tags, ms", "acceptLast", 1.15);
    race("repeat: first tag, ms", "repeatFirst", 1.1);
  }

  atMost(`script of the cold visit, ${SLOW}, ms`, median(page, "cost", SLOW, "script"), 20);
  atMost(`long tasks, ${SLOW}`, median(page, "cost", SLOW, "longtasks"), 0);
  atMost(`TBT, ${SLOW}, ms`, median(page, "cost", SLOW, "tbt"), 0);
  atMost(`INP, ${SLOW}, ms`, median(page, "timing", SLOW, "inp"), 32);
  atMost("CLS, worst visit", worstShift(page), 0);
  atMost("heap over bare, KB", heapOverBare(results, page), 150);

  atMost("bytes before the banner, br", bytesUntil(results, page, "before"), 6500);
  atMost("bytes with the dialog, br", bytesUntil(results, page, "dialog"), 12_000);
  atMost("requests before the banner", page.bytes?.before.requests ?? null, 1);

  const { banner, dialog, reflow } = page.checks ?? {};
  const failed = page.checks && Object.values(page.checks).filter((check) => check.error).length;
  atMost("checks that could not be made", failed ?? null, 0);
  atMost("axe: WCAG violations", plus(banner?.axe?.wcagNodes, dialog?.axe?.wcagNodes), 0);
  const small = plus(banner?.small?.bad.length, dialog?.small?.bad.length);
  atMost("controls under 24 px", small, 0);
  const kept = dialog?.walk
    ? [dialog.focusIn, !dialog.walk.outside, dialog.escapeCloses, dialog.focusBack].filter(Boolean)
    : null;
  add(
    "dialog keys: focus in, no leak, Esc, focus back",
    kept?.length ?? null,
    "4",
    kept?.length === 4,
  );
  atMost("banner at 320 × 640, % of height", reflow?.banner?.heightShare ?? null, 40);
  return found;
}

/** The peer with the lowest median, or null. */
function bestPeer(results, profile, field) {
  const [best] = results.pages
    .filter((page) => !page.isOurs && !page.isReference)
    .map((page) => ({ name: page.name, value: median(page, "timing", profile, field) }))
    .filter(({ value }) => value != null)
    .sort((a, b) => a.value - b.value);
  return best ?? null;
}

function worstShift(page) {
  const shifts = Object.values(page.cost ?? {}).map(({ cls }) => cls.max);
  return shifts.length ? Math.max(...shifts) : null;
}

function heapOverBare(results, page) {
  const [profile] = Object.keys(page.cost ?? {});
  const mine = median(page, "cost", profile, "heapKB");
  const bare = median(pageNamed(results, "bare"), "cost", profile, "heapKB");
  return mine == null || bare == null ? null : mine - bare;
}

const plus = (a, b) => (a == null || b == null ? null : a + b);
