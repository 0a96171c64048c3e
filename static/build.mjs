// Builds static/dist from static/src, prints what each file weighs, and exits 1 when one is over
// static/budgets.json. `--check` builds elsewhere and compares the bytes with the committed files.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const dist = join(here, "dist");
const checking = process.argv.includes("--check");
const out = checking ? mkdtempSync(join(tmpdir(), "consentmgr-")) : dist;
mkdirSync(out, { recursive: true });

const TARGET = "es2020";

/**
 * In a shadow root a `:root` default would beat what the page sets. There each token becomes a
 * private `--c-x` that reads the page's `--cm-x` and falls back to ours.
 */
function forShadowRoot(css) {
  return css
    .replace(/var\(--cm-/g, "var(--c-")
    .replace(/:root/g, ":host")
    .replace(/^(\s*)--cm-([\w-]+):\s*([^;]+);/gm, "$1--c-$2: var(--cm-$2, $3);");
}

/** Only the tokens that these style sheets use, and that an earlier bundle has not brought. */
function pruneTokens(css, users, broughtBy) {
  const used = (names) =>
    new Set(
      names.flatMap((name) => {
        const text = readFileSync(join(source, "css", name + ".css"), "utf8");
        return [...text.matchAll(/var\((--cm-[\w-]+)/g)].map((match) => match[1]);
      }),
    );
  const [needed, brought] = [used(users), used(broughtBy)];
  return css.replace(/^\s*(--cm-[\w-]+):[^;]+;\n/gm, (line, name) =>
    needed.has(name) && !brought.has(name) ? line : "",
  );
}

const cssAsText = (users, broughtBy) => ({
  name: "css-as-text",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      let css = readFileSync(path, "utf8");
      if (path.endsWith("tokens.css")) css = pruneTokens(css, users, broughtBy);
      const { code } = await esbuild.transform(forShadowRoot(css), { loader: "css", minify: true });
      // esbuild leaves the values of custom properties as they are written.
      const text = code
        .trim()
        .replace(/: var\(/g, ":var(")
        .replace(/, /g, ",");
      return { contents: text, loader: "text" };
    });
  },
});

async function script(name, users, broughtBy) {
  await esbuild.build({
    entryPoints: [join(source, name + ".ts")],
    outfile: join(out, name + ".js"),
    bundle: true,
    minify: true,
    format: "iife",
    target: TARGET,
    charset: "utf8",
    legalComments: "none",
    plugins: [cssAsText(users, broughtBy)],
    logLevel: "warning",
  });
}

async function styles(name) {
  if (!existsSync(join(source, "css", name + ".css"))) return;
  await esbuild.build({
    stdin: {
      contents: `@import "./tokens.css";\n@import "./${name}.css";`,
      loader: "css",
      resolveDir: join(source, "css"),
    },
    outfile: join(out, name + ".css"),
    bundle: true,
    minify: true,
    // Newer than the scripts: nesting and masks are used, light-dark() is not.
    target: ["chrome111", "firefox115", "safari16.4"],
    charset: "utf8",
    logLevel: "warning",
    external: ["*.svg", "*.woff2"],
  });
}

await script("loader", ["banner"], []);
await script("preferences", ["preferences"], ["banner"]);
for (const name of ["page", "console", "first_layer"]) await styles(name);
writeFileSync(join(out, "consentmgr.d.ts"), readFileSync(join(source, "consentmgr.d.ts")));

const sizes = {};
for (const file of readdirSync(out).sort()) {
  if (file.endsWith(".d.ts")) continue;
  const bytes = readFileSync(join(out, file));
  sizes[file] = {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
  };
}
console.table(sizes);

let failed = false;
const budgets = JSON.parse(readFileSync(join(here, "budgets.json"), "utf8"));
for (const [names, limit] of Object.entries(budgets.brotli)) {
  const total = names.split(" + ").reduce((sum, name) => sum + (sizes[name]?.brotli ?? 0), 0);
  console.log(`${names}: ${total} of ${limit} bytes (brotli)`);
  if (total > limit) {
    console.error(`over budget: ${names}`);
    failed = true;
  }
}

if (checking) {
  const names = new Set([...readdirSync(out), ...readdirSync(dist)]);
  for (const name of names) {
    const [a, b] = [out, dist].map((folder) => join(folder, name));
    if (!existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b))) {
      console.error(`static/dist/${name} is not what static/src builds: run "npm run build"`);
      failed = true;
    }
  }
  rmSync(out, { recursive: true });
}
process.exit(failed ? 1 : 0);
