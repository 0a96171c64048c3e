// Shared material of every page: the purposes, the tags, the host page around the banner.
export const PURPOSES = [
  {
    id: "necessary",
    title: "Strictly necessary",
    required: true,
    desc: "Session, basket and security. Always on.",
  },
  {
    id: "functionality",
    title: "Functionality",
    desc: "Remembers size, language and shop choices.",
  },
  { id: "experience", title: "Experience", desc: "Adapts pages to browsing order and attributes." },
  { id: "measurement", title: "Measurement", desc: "Counts visits and accessed pages." },
  { id: "marketing", title: "Marketing", desc: "Gives activity data to advertisers." },
];

// Ten tags, two per purpose.
export const SERVICES = PURPOSES.flatMap((p) =>
  ["a", "b"].map((s) => ({
    id: `${p.id}-${s}`,
    purpose: p.id,
    title: `${p.title} tag ${s.toUpperCase()}`,
    src: `/tags/${p.id}-${s}.js`,
    required: !!p.required,
  })),
);
export const GATED = SERVICES.filter((s) => !s.required);
export const UNGATED = SERVICES.filter((s) => s.required);

export const TEXT = {
  title: "We value your privacy",
  body:
    "We and our partners use cookies and activity data such as accessed pages, browsing order and " +
    "device information. You choose per purpose.",
  accept: "Accept all",
  reject: "Reject all",
  prefs: "Preferences",
  save: "Save choices",
  close: "Close",
  dialogTitle: "Privacy preferences",
};
const SENTENCE =
  "This paragraph stands for the content of a fashion media page so that the text has a line " +
  "length, a font and a first paint of its own. ";
const STYLE =
  "body{font:16px/1.5 sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#222;background:#fff}";

/** The page of a site around what a product puts into its head and at the end of its body. */
export function shell({ head = "", body = "", title }) {
  const sections = ["New", "Women", "Men", "Brands", "Magazine"];
  const links = sections.map((name) => `<a href="#${name}">${name}</a>`).join(" ");
  const text = `<p>${SENTENCE.repeat(3)}</p>`.repeat(12);
  const ungated = UNGATED.map((s) => `<script defer src="${s.src}"></script>`).join("");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>${STYLE}</style>
${head}</head><body>
<header><nav aria-label="Main">${links}</nav></header>
<main><h1>Host page</h1>${text}</main>
<footer><p><a href="#privacy">Privacy policy</a></p></footer>
${ungated}
${body}</body></html>`;
}

// What a tag file does: stamp its own execution. A page of any origin may serve its own copy.
export const tagSource = (id) =>
  `(window.__tags=window.__tags||[]).push({id:${JSON.stringify(id)},t:performance.now()});`;
export const js = (v) => JSON.stringify(v);
export const byPurpose = (p) => SERVICES.filter((s) => s.purpose === p);
