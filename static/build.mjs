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
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const dist = join(here, "dist");
const checking = process.argv.includes("--check");
const out = checking ? mkdtempSync(join(tmpdir(), "consentmgr-")) : dist;
mkdirSync(out, { recursive: true });

const TARGET = "es2022";

const tokens = readFileSync(join(source, "css", "tokens.css"), "utf8");
const tokenNames = [...new Set(tokens.match(/--cm-[\w-]+/g))];
/** A token's private name in our shadow roots. */
const shortName = (name) => "--" + String.fromCharCode(97 + tokenNames.indexOf(name));

/**
 * In a shadow root a `:root` default would beat what the page sets. There each token becomes a
 * private name that reads the page's `--cm-x` and falls back to ours.
 */
function forShadowRoot(css) {
  return css
    .replace(/:root/g, ":host")
    .replace(/var\((--cm-[\w-]+)/g, (_, name) => "var(" + shortName(name))
    .replace(
      /^(\s*)(--cm-[\w-]+):\s*([^;]+);/gm,
      (_, space, name, value) => `${space}${shortName(name)}: var(${name}, ${value});`,
    );
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
  const own = css.replace(/^\s*(--cm-[\w-]+):[^;]+;\n/gm, (line, name) =>
    needed.has(name) && !brought.has(name) ? line : "",
  );
  return broughtBy[0] ? own.replace(/color-scheme:.*/, "") : own;
}

/** As a script in the page carries it. */
async function forScript(css) {
  const { code } = await esbuild.transform(forShadowRoot(css), { loader: "css", minify: true });
  // esbuild leaves the values of custom properties as they are written.
  return code
    .trim()
    .replace(/: var\(/g, ":var(")
    .replace(/, /g, ",");
}

const cssAsText = (users, broughtBy) => ({
  name: "css-as-text",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      let css = readFileSync(path, "utf8");
      if (path.endsWith("tokens.css")) css = pruneTokens(css, users, broughtBy);
      return { contents: await forScript(css), loader: "text" };
    });
  },
});

/** Is it fetched after the loader, and handed its functions? */
const isLater = (name) => ["act", "send", "later", "preferences", "debug", "views"].includes(name);

/** Modules whose functions src/shared.ts hands from the loader to the script that comes later. */
const fromLoader = {
  name: "from-loader",
  setup(build) {
    const shared = readFileSync(join(source, "shared.ts"), "utf8");
    const modules = shared.matchAll(/^import \{([^}]*)\} from "\.\/(.*)";/gm);
    const places = /\[([^\]]*)\] as const/.exec(shared)[1].match(/\w+/g);
    for (const [, names, path] of modules) {
      build.onLoad({ filter: new RegExp(path.replace(/\W/g, "\\W") + "$") }, () => ({
        contents:
          'import { shared } from "from-loader";' +
          names
            .match(/\w+/g)
            .map((name) => `export const ${name} = /* @__PURE__ */ shared[${places.indexOf(name)}];`)
            .join("\n"),
      }));
    }
    build.onResolve({ filter: /^from-loader$/ }, ({ path }) => ({ path, namespace: "loader" }));
    build.onLoad({ filter: /.*/, namespace: "loader" }, () => ({
      contents: "export const { shared } = document.currentScript.cm;",
    }));
  },
};

/**
 * Properties that only our own scripts see, on objects that never leave them: a few letters will do. Not
 * for what a page, the service, a store or the browser knows by name.
 */
const PRIVATE =
  /^(act|bar|commit|confirm|decided|device|draw|drawn|hadFocus|hasRun|is(Doubtful|Open|Watched)|keep|later|live|made|painted|place|ran|root|scan|settle|shared|slots|source|sure|take)$/;
/** One short name for all scripts. */
let mangleCache = {};

/** esbuild joins the modules, terser makes the result small: it finds a few percent more. */
async function script(name, users = [], broughtBy = [], more = {}) {
  const { outputFiles, mangleCache: names } = await esbuild.build({
    entryPoints: [join(source, name + ".ts")],
    mangleProps: PRIVATE,
    mangleCache,
    bundle: true,
    write: false,
    format: "iife",
    target: TARGET,
    charset: "utf8",
    legalComments: "none",
    // tsconfig.json would put "use strict" in front, which says nothing where the service joins scripts.
    tsconfigRaw: {},
    plugins: [cssAsText(users, broughtBy), ...(isLater(name) ? [fromLoader] : [])],
    logLevel: "warning",
    ...more,
  });
  mangleCache = names;
  const { code } = await minify(outputFiles[0].text, {
    ecma: 2020,
    compress: {
      passes: 3,
      unsafe_arrows: true,
      pure_getters: true,
      keep_fargs: false,
      // Larger before it is compressed, a little smaller after.
      ...(name === "loader" && { reduce_funcs: false, hoist_funs: true }),
    },
    format: { ecma: 2020 },
  });
  const file = join(out, name + ".js");
  mkdirSync(dirname(file), { recursive: true });
  // Chromium compiles such a script beside the page's own work instead of function by function in it.
  writeFileSync(file, (isLater(name) ? "//# allFunctionsCalledOnLoad\n" : "") + code + "\n");
}

/**
 * The console's charts, with a library in them: terser's assumptions and our short names are not for it.
 * Its and its dependency's licences are in the file.
 */
async function charts() {
  const licences = ["chart.js", "@kurkle/color"].map((name) =>
    readFileSync(join(here, "..", "node_modules", name, "LICENSE.md"), "utf8").trim(),
  );
  await esbuild.build({
    entryPoints: [join(source, "charts.ts")],
    outfile: join(out, "charts.js"),
    bundle: true,
    minify: true,
    format: "iife",
    target: TARGET,
    charset: "utf8",
    legalComments: "none",
    footer: { js: `/*! Contains chart.js and @kurkle/color.\n\n${licences.join("\n\n")}\n*/` },
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
await script("act", ["act"], ["banner"]);
await script("send");
await script("later", ["placeholder", "ja", "ko"], ["banner"]);
await script("preferences", ["preferences"], ["banner"]);
await script("debug", ["debug"], ["banner"]);
await script("views");
// The service joins these with the loader in one function, for the vendors that a site declares.
await script("signals", [], [], { banner: { js: "const CM_SIGNALS={vendors:{}};" } });
for (const file of readdirSync(join(source, "vendors"))) {
  // What they share is in each of them: it is little, and the same text twice compresses to nothing.
  if (file !== "page.ts") await script(join("vendors", file.replace(/\.ts$/, "")));
}
// In front of all of it on sites that hold what is not marked.
await script("hold");
// And on sites that compare ways to ask.
await script("experiment");
// The console's editor.
await script("wording");
await charts();
for (const name of ["page", "console", "first_layer"]) await styles(name);
for (const name of ["card", "ja", "ko"]) {
  const css = readFileSync(join(source, "css", name + ".css"), "utf8");
  writeFileSync(
    join(out, name + ".css"),
    await forScript(pruneTokens(tokens, [name], ["banner"]) + css),
  );
}
writeFileSync(join(out, "consentmgr.d.ts"), readFileSync(join(source, "consentmgr.d.ts")));

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true }).filter((file) => /\.\w+$/.test(file));

const sizes = {};
for (const file of filesIn(out).sort()) {
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
  const names = new Set([...filesIn(out), ...filesIn(dist)]);
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
