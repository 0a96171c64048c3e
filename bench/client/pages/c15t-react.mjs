// Documented React quickstart in offline mode (no backend): provider, banner, dialog, scripts.
// Bundled and minified by esbuild at start.
import { build } from "esbuild";
import { shell, PURPOSES, GATED, js } from "./common.mjs";
const scripts = GATED.map((s) => ({ id: s.id, src: s.src, category: s.purpose }));
const entry = `
import { createElement as h } from 'react';
import { createRoot } from 'react-dom/client';
import { ConsentManagerProvider, ConsentBanner, ConsentDialog } from '@c15t/react';
import '@c15t/react/styles.css';
const options = {
  mode: 'offline',
  consentCategories: ${js(PURPOSES.map((p) => p.id))},
  overrides: { country: 'DE' },
  scripts: ${js(scripts)},
};
const app = h(ConsentManagerProvider, { options }, h(ConsentBanner), h(ConsentDialog));
createRoot(document.getElementById('c15t-root')).render(app);
`;
export default async () => {
  const r = await build({
    stdin: { contents: entry, resolveDir: import.meta.dirname, loader: "js" },
    bundle: true,
    minify: true,
    format: "esm",
    splitting: true,
    write: false,
    outdir: "out",
    entryNames: "app",
    chunkNames: "chunk-[hash]",
    define: { "process.env.NODE_ENV": '"production"' },
    target: "es2022",
    conditions: ["production", "import", "module", "browser"],
    logLevel: "error",
    legalComments: "none",
  });
  const files = Object.fromEntries(r.outputFiles.map((f) => [f.path.split("/").pop(), f.text]));
  return {
    html: shell({
      title: "c15t-react",
      head: '<link rel="stylesheet" href="/gen/c15t-react/app.css">',
      body:
        '<div id="c15t-root"></div>' +
        '<script type="module" src="/gen/c15t-react/app.js"></script>',
    }),
    files,
  };
};
