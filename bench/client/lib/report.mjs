// The results as markdown tables.
import { bytesUntil, extraHtml } from "./figures.mjs";

export function render(results) {
  const { date, chromium, node, cpus, runs } = results;
  const machine = `${date.slice(0, 10)}, Chromium ${chromium}, Node ${node}, ${cpus} cores, n = ${runs}.`;
  const parts = [machine, ...bytes(results)];
  for (const profile of results.profiles) {
    parts.push(...timing(results, profile), ...cost(results, profile));
  }
  parts.push(...checked(results), ...verdict(results));
  return parts.join("\n\n");
}

function bytes(results) {
  const pages = results.pages.filter((page) => page.bytes);
  if (!pages.length) return [];
  const kinds = pages.map((page) => {
    const { requests, js, css, other, wire } = page.bytes.cold;
    const total = (unit) => bytesUntil(results, page, "cold", unit);
    return [
      page.name,
      requests,
      js.br,
      css.br,
      other.br,
      extraHtml(results, page, "br") ?? "-",
      total("br"),
      total("gz"),
      total("raw"),
      wire,
      page.bytes.cookies,
    ];
  });
  const moments = pages.map((page) => [
    page.name,
    ...["before", "cold", "dialog"].flatMap((moment) => [
      page.bytes[moment]?.requests ?? "-",
      bytesUntil(results, page, moment) ?? "-",
    ]),
    page.bytes.external.length,
  ]);
  return [
    "### Bytes of a first visit without a click (host page and tags left out)",
    table(
      [
        "page",
        "requests",
        "JS br",
        "CSS br",
        "other br",
        "inline HTML br",
        "total br",
        "total gzip",
        "raw",
        "on the wire",
        "cookies",
      ],
      kinds,
    ),
    "### Requests and brotli bytes until a moment",
    table(
      [
        "page",
        "banner painted: requests",
        "br",
        "settled: requests",
        "br",
        "dialog open: requests",
        "br",
        "outside hosts",
      ],
      moments,
    ),
  ];
}

function timing(results, profile) {
  const rows = results.pages
    .filter((page) => page.timing?.[profile])
    .map(({ name, timing: { [profile]: t } }) => [
      name,
      range(t.painted),
      range(t.ready),
      range(t.acceptFirst),
      range(t.acceptLast),
      range(t.gone),
      round(t.inp?.med),
      range(t.repeatFirst),
      range(t.repeatLast),
      round(t.loop?.med, 1),
    ]);
  if (!rows.length) return [];
  return [
    `### Timing, profile ${profile} (ms, median [quartiles])`,
    table(
      [
        "page",
        "banner painted",
        "ready to click",
        "accept > first tag",
        "accept > all tags",
        "banner gone",
        "INP",
        "repeat: first tag",
        "repeat: all tags",
        "loop",
      ],
      rows,
    ),
  ];
}

function cost(results, profile) {
  const rows = results.pages
    .filter((page) => page.cost?.[profile])
    .map(({ name, cost: { [profile]: c } }) => [
      name,
      range(c.script, 1),
      range(c.task),
      round(c.layout?.med, 1),
      round(c.longtasks?.med),
      range(c.tbt),
      round(c.cls?.med, 4),
      round(c.heapKB?.med),
      round(c.nodes?.med),
      round(c.listeners?.med),
      round(c.fcp?.med),
    ]);
  if (!rows.length) return [];
  return [
    `### Cost of a cold visit, profile ${profile} (whole page; bare is the host page alone)`,
    table(
      [
        "page",
        "script ms",
        "task ms",
        "style+layout ms",
        "long tasks",
        "TBT ms",
        "CLS",
        "heap KB",
        "DOM nodes",
        "listeners",
        "FCP ms",
      ],
      rows,
    ),
  ];
}

function checked(results) {
  const pages = results.pages.filter((page) => page.checks);
  if (!pages.length) return [];
  const rows = (cells) => pages.map((page) => [page.name, ...cells(page.checks, page)]);
  const list = (axe, field) => (axe ? axe[field].join(" ") || "0" : "-");
  const pair = (show, ...both) => both.map((one) => show(one) ?? "-").join(" / ");
  return [
    "### axe-core: WCAG 2.x A and AA, then best practice",
    table(
      [
        "page",
        "banner WCAG",
        "dialog WCAG",
        "best practice b / d",
        "least contrast b / d",
        "controls under 24 px b / d",
        "shortest side px b / d",
      ],
      rows(({ banner, dialog }) => [
        banner.error ?? list(banner.axe, "wcag"),
        dialog?.error ?? (dialog ? list(dialog.axe, "wcag") : "no dialog"),
        pair((one) => list(one?.axe, "best"), banner, dialog),
        pair((one) => round(one?.axe?.contrast, 1), banner, dialog),
        pair((one) => one?.small?.bad.length, banner, dialog),
        pair((one) => one?.small?.min, banner, dialog),
      ]),
    ),
    "### Keyboard",
    table(
      [
        "page",
        "Tabs to banner",
        "missed",
        "Esc on banner",
        "banner is",
        "dialog is",
        "opens by",
        "focus in",
        "leaks out",
        "missed in dialog",
        "Esc closes",
        "focus back",
      ],
      rows(({ banner, bannerKeys, dialog }) => [
        bannerKeys.error ?? bannerKeys.firstInside ?? "never",
        bannerKeys.missed?.length ?? "-",
        bannerKeys.escape ?? "-",
        banner.role ?? "-",
        dialog?.kind ?? "-",
        dialog?.opensBy ?? "-",
        yes(dialog?.focusIn),
        dialog?.walk?.outside ?? "-",
        dialog?.walk ? `${dialog.walk.missed.length} of ${dialog.walk.total}` : "-",
        yes(dialog?.escapeCloses),
        yes(dialog?.focusBack),
      ]),
    ),
    "### Narrow screen, refusal, no JavaScript",
    table(
      [
        "page",
        "320 px: page overflows by",
        "banner height %",
        "cut off b / d",
        "inner x-scroll b / d",
        "tags before / after refusal / later",
        "asks again",
        "area refuse ÷ accept",
        "without JavaScript: shows",
        "refusing works",
      ],
      rows(({ banner, reflow, reject }, { withoutScript }) => [
        Math.max(reflow.banner?.pageScroll ?? 0, reflow.dialog?.pageScroll ?? 0),
        reflow.banner?.heightShare ?? "-",
        pair((one) => one?.cutOff, reflow.banner, reflow.dialog),
        pair((one) => one?.innerScrollX, reflow.banner, reflow.dialog),
        reject.error ?? `${reject.tagsBefore} / ${reject.tagsAfter} / ${reject.tagsOnRepeat}`,
        yes(reject.bannerOnRepeat),
        banner.areas ? (banner.areas.reject / banner.areas.accept).toFixed(2) : "-",
        yes(withoutScript?.shows),
        yes(withoutScript?.works),
      ]),
    ),
  ];
}

function verdict({ pages, bars }) {
  const ours = pages.filter((page) => page.isOurs);
  if (!ours.length) return [];
  const rows = bars
    .filter(({ page }) => page === ours[0].name)
    .map(({ bar, limit }) => [
      bar,
      limit,
      ...ours.map(({ name }) => cell(bars.find((one) => one.page === name && one.bar === bar))),
    ]);
  return ["### Bars", table(["bar", "limit", ...ours.map(({ name }) => name)], rows)];
}

function cell({ value, passes }) {
  if (value == null) return "not measured";
  const shown = Number.isInteger(value) ? value : value.toFixed(value < 1 ? 4 : 1);
  return passes == null ? `${shown}` : `${shown} ${passes ? "pass" : "FAIL"}`;
}

function table(head, rows) {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => shown(row[i]).length)),
  );
  const line = (row) => `| ${row.map((text, i) => shown(text).padEnd(widths[i])).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

const shown = (value) => String(value ?? "-");

const yes = (claim) => (claim == null ? "-" : claim ? "yes" : "no");

const round = (value, digits = 0) => (value == null ? null : value.toFixed(digits));

const range = (spread, digits = 0) =>
  spread?.med == null
    ? "-"
    : `${round(spread.med, digits)} [${round(spread.q1, digits)}-${round(spread.q3, digits)}]`;
