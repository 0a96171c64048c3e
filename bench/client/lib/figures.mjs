// Numbers out of a run's results that tables and bars share.

/** Median and the like of one visit's fields over several visits: field → {med, q1, q3, …}. */
export function summarise(visits) {
  const fields = new Set(visits.flatMap((visit) => Object.keys(visit)));
  return Object.fromEntries(
    [...fields].map((field) => {
      const values = visits.map((visit) => visit[field]);
      const isMeasured = values.every((value) => value == null || typeof value === "number");
      return [field, isMeasured ? spread(values) : { values: [...new Set(values.map(String))] }];
    }),
  );
}

function spread(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length) return { med: null, n: 0 };
  const last = sorted.length - 1;
  const at = (share) => sorted[Math.round(share * last)];
  return {
    med: (sorted[last >> 1] + sorted[sorted.length >> 1]) / 2,
    q1: at(0.25),
    q3: at(0.75),
    min: at(0),
    max: at(1),
    n: sorted.length,
  };
}

export const pageNamed = (results, name) => results.pages.find((page) => page.name === name);

/** What a page's HTML is larger than the bare page's; null without both. */
export function extraHtml(results, page, unit) {
  const bare = pageNamed(results, "bare")?.bytes;
  return bare && page.bytes ? page.bytes.cold.html[unit] - bare.cold.html[unit] : null;
}

/** Everything a page costs beyond the bare page until a moment: `before`, `cold` or `dialog`. */
export function bytesUntil(results, page, moment, unit = "br") {
  const found = page.bytes?.[moment];
  if (!found) return null;
  const html = Math.max(0, extraHtml(results, page, unit) ?? 0);
  return html + found.js[unit] + found.css[unit] + found.other[unit];
}

/** A median, or null where it was not measured. */
export const median = (page, kind, profile, field) => page?.[kind]?.[profile]?.[field]?.med ?? null;
