// Bytes and requests of one cold visit, at three moments: when the banner is painted, when the page
// has settled without a click, and when the dialog is open. Bodies are compressed again here (brotli
// 11, gzip 9), the same for every page; `wire` is what came over the socket, headers included.
import zlib from "node:zlib";
import { locator, openPage, sleep, withVisitor } from "./browser.mjs";
import { probeFor, waitForMoment } from "./timed.mjs";

const LOCAL = ["127.0.0.1", "localhost"];

export const bytesVisit = (browser, base, entry) =>
  withVisitor(browser, {}, async (context) => {
    const { selectors } = entry;
    const { page, cdp } = await openPage(browser, context, base);
    const requests = await listen(cdp);
    if (selectors) await page.addInitScript(probeFor(entry));
    await page.goto(entry.href, { waitUntil: "load" });
    const painted = selectors ? await waitForMoment(page, "painted") : 0;
    await sleep(1500);
    const ends = await page.evaluate(() =>
      performance.getEntriesByType("resource").map(({ name, responseEnd }) => [name, responseEnd]),
    );
    // Finished, not started: what is still under way is not what the banner waited for.
    const early = new Set(ends.filter(([, end]) => end && end <= painted).map(([name]) => name));
    const settled = requests.size;
    const cookies = (await context.cookies()).length;
    if (selectors?.prefs) {
      await locator(page, selectors.prefs).click();
      await locator(page, selectors.dialog).waitFor({ state: "visible", timeout: 15_000 });
      await sleep(1500);
    }
    const all = await readAll(cdp, requests);
    return {
      cookies,
      external: all.filter((one) => !one.isLocal).map((one) => one.url),
      before: sum(all.filter((one) => one.isPage || early.has(one.url))),
      cold: sum(all.filter((one) => one.position < settled)),
      dialog: selectors?.prefs ? sum(all) : null,
      list: all.map(({ url, type, position, size, wire }) => [position, type, url, size, wire]),
    };
  });

async function listen(cdp) {
  const requests = new Map();
  const update = (event, changes) => Object.assign(requests.get(event.requestId) ?? {}, changes);
  cdp.on("Network.requestWillBeSent", (event) => {
    requests.set(event.requestId, {
      url: event.request.url.split("#")[0],
      type: event.type,
      position: requests.size,
      isPage: requests.size === 0,
      wire: 0,
    });
  });
  cdp.on("Network.responseReceived", (event) =>
    update(event, { type: event.type, mime: event.response.mimeType }),
  );
  cdp.on("Network.loadingFinished", (event) => update(event, { wire: event.encodedDataLength }));
  await cdp.send("Network.enable");
  return requests;
}

/** Read every body; the tags, the icon and what is not fetched at all are left out. */
async function readAll(cdp, requests) {
  const found = [];
  for (const [requestId, request] of requests) {
    const { protocol, hostname, pathname } = new URL(request.url);
    if (!protocol.startsWith("http")) continue;
    if (/^\/tags\/[\w-]+\.js$|^\/favicon\.ico$/.test(pathname)) continue;
    const body = await cdp.send("Network.getResponseBody", { requestId }).then(
      (answer) => Buffer.from(answer.body, answer.base64Encoded ? "base64" : "utf8"),
      // A preflight, or an answer without content.
      () => Buffer.alloc(0),
    );
    const isLocal = LOCAL.includes(hostname);
    found.push({ ...request, isLocal, kind: kindOf(request), size: sizes(body) });
  }
  return found;
}

function kindOf({ type, mime, isPage }) {
  if (isPage) return "html";
  if (type === "Script" || /javascript/.test(mime)) return "js";
  return type === "Stylesheet" ? "css" : "other";
}

function sizes(body) {
  if (!body.length) return { raw: 0, br: 0, gz: 0 };
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 };
  return {
    raw: body.length,
    br: zlib.brotliCompressSync(body, { params }).length,
    gz: zlib.gzipSync(body, { level: 9 }).length,
  };
}

/** The page itself is under `html`, and is no request more than the bare page makes. */
function sum(requests) {
  const total = { requests: 0, wire: 0 };
  for (const kind of ["html", "js", "css", "other"]) total[kind] = { raw: 0, br: 0, gz: 0 };
  for (const { kind, size, wire, isPage } of requests) {
    for (const unit of ["raw", "br", "gz"]) total[kind][unit] += size[unit];
    if (isPage) continue;
    total.requests += 1;
    total.wire += wire;
  }
  return total;
}
