// Serves the pages on 127.0.0.1, each response compressed once (brotli 11, gzip 9) and kept:
//   /p/<page>/            a page              /gen/<page>/<file>      what its setup built
//   /nm/<package>/<file>  a peer's own file   /tags/<id>.js           a tag
//   /api/…                a peer's stub of a server
import http from "node:http";
import zlib from "node:zlib";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { tagSource } from "./pages/common.mjs";

const require = createRequire(import.meta.url);
const TYPES = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".map": "application/json",
};

/**
 * Build the pages and serve them.
 *
 * `pages` are entries of pages.json; `service` is the product's address; `port` 0 takes any.
 */
export async function startServer({ pages, service, port = 0 }) {
  const built = {};
  for (const { name, setup } of pages) {
    if (!setup) continue;
    const module = await import(pathToFileURL(join(import.meta.dirname, setup)));
    built[name] = await module.default({ service });
  }
  const kept = new Map();

  async function prepare(path, encoding) {
    const found = await source(path, built).catch(() => null);
    if (!found) return null;
    const body = compress(Buffer.from(found.body), encoding);
    return {
      body,
      headers: {
        "Content-Type": found.type,
        "Content-Length": body.length,
        Vary: "Accept-Encoding",
        ...(encoding && { "Content-Encoding": encoding }),
        "Cache-Control": found.isPage ? "no-cache" : "public, max-age=31536000, immutable",
      },
    };
  }

  async function answer(request, response) {
    const path = new URL(request.url, "http://x").pathname;
    const stub = path.startsWith("/api/") && answerStub(request, path, built);
    if (stub) {
      request.resume();
      const headers = { "Content-Type": stub.type, "Cache-Control": "no-store", ...stub.headers };
      response.writeHead(200, headers).end(stub.body);
      return;
    }
    const accepted = request.headers["accept-encoding"] ?? "";
    const encoding = ["br", "gzip"].find((name) => accepted.includes(name)) ?? "";
    const key = `${encoding} ${path}`;
    if (!kept.has(key)) kept.set(key, await prepare(path, encoding));
    const { body, headers } = kept.get(key) ?? {};
    if (body) response.writeHead(200, headers).end(body);
    else response.writeHead(404, { "Content-Type": "text/plain" }).end("not found");
  }

  const server = http.createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function answerStub(request, path, built) {
  for (const page of Object.values(built)) {
    const found = page.api?.(request, path);
    if (found) return found;
  }
  return null;
}

async function source(path, built) {
  if (path === "/selftest") {
    return { type: "application/octet-stream", body: Buffer.alloc(300_000, 120) };
  }
  if (path === "/blank") {
    const body = '<!doctype html><title>blank</title><link rel="icon" href="data:,">';
    return { type: TYPES[".html"], body };
  }
  const [, kind, ...rest] = path.split("/");
  const file = rest.join("/");
  if (kind === "p") {
    return { type: TYPES[".html"], body: built[rest[0]].html, isPage: true };
  }
  if (kind === "gen") {
    return { type: TYPES[extname(file)], body: built[rest[0]].files[rest[1]] };
  }
  if (kind === "tags") {
    return { type: TYPES[".js"], body: tagSource(rest[0].replace(/\.js$/, "")) };
  }
  if (kind === "nm") {
    const [, name, inside] = /^((?:@[\w.-]+\/)?[\w.-]+)\/([\w./-]+)$/.exec(file);
    if (inside.includes("..")) return null;
    return {
      type: TYPES[extname(inside)] ?? "application/octet-stream",
      body: await readFile(join(packageFolder(name), normalize(inside))),
    };
  }
  return null;
}

/** Found by hand: most packages do not export their package.json. */
function packageFolder(name) {
  for (const folder of require.resolve.paths(name)) {
    try {
      return dirname(require.resolve(join(folder, name, "package.json")));
    } catch {
      // in the next folder, perhaps
    }
  }
  throw new Error(`not installed: ${name}`);
}

function compress(body, encoding) {
  if (encoding === "br") {
    const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 };
    return zlib.brotliCompressSync(body, { params });
  }
  return encoding === "gzip" ? zlib.gzipSync(body, { level: 9 }) : body;
}
