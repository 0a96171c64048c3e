// What waits, what is kept of it and what the page's code sees. That nothing goes out is a matter for
// a real browser: tests/e2e/test_hold.py.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Hold, Verdict } from "../../static/src/hold.ts";

const VENDOR = "https://tags.example/";
const sent: unknown[][] = [];
const nativeFetch = vi.fn((...args: unknown[]) => {
  sent.push(args);
  return Promise.resolve("answer");
});
const nativeBeacon = vi.fn((...args: unknown[]) => sent.push(args) > 0);
class NativeSocket extends EventTarget {
  static OPEN = 1;
  constructor(readonly url: string) {
    super();
  }
}

// The platform is patched once per page, as in a browser.
window.fetch = nativeFetch as unknown as typeof fetch;
Navigator.prototype.sendBeacon = nativeBeacon;
window.WebSocket = NativeSocket as unknown as typeof WebSocket;
await import("../../static/src/hold.ts");
const hold = window.cmHold as Hold;

let answer: (url: URL) => Verdict;
beforeEach(() => {
  answer = () => "hold";
  hold.judge((url) => answer(url));
});
afterEach(() => {
  answer = () => "drop";
  hold.update();
  sent.length = 0;
  vi.clearAllMocks();
  document.body.innerHTML = "";
});

function decide(verdict: Verdict): void {
  answer = () => verdict;
  hold.update();
}

describe("elements", () => {
  test.each([
    ["script", "src"],
    ["img", "src"],
    ["iframe", "src"],
    ["link", "href"],
    ["embed", "src"],
    ["object", "data"],
    ["video", "src"],
    ["video", "poster"],
    ["source", "src"],
    ["input", "src"],
  ])("%s.%s waits, reads back what was meant, and is set after a yes", (tag, name) => {
    const element = document.createElement(tag) as HTMLElement & Record<string, unknown>;
    element[name] = VENDOR + "x";
    expect(element.hasAttribute(name)).toBe(false);
    expect(element[name]).toBe(VENDOR + "x");
    expect(element.getAttribute(name)).toBe(VENDOR + "x");

    decide("go");

    expect(element.outerHTML).toContain(`${name}="${VENDOR}x"`);
    expect(element.hasAttribute("data-cm-" + name)).toBe(false);
  });

  test("an address of the page, of data or of nothing goes at once", () => {
    const image = new Image();
    for (const address of ["/own.png", "own.png", "data:image/gif,x", "blob:https://a/b", "#", ""]) {
      image.src = address;
      expect(image.hasAttribute("data-cm-src")).toBe(false);
      expect(image.outerHTML).toContain(`src="${address}"`);
    }
    expect(hold.log.some(({ way }) => way === "img" && !answer)).toBe(false);
  });

  test("the last address counts, also when it goes at once or is taken away", () => {
    const [changed, own, none] = [new Image(), new Image(), new Image()];
    changed.src = VENDOR + "1";
    changed.setAttribute("src", VENDOR + "2");
    own.src = none.src = VENDOR + "3";
    own.src = "/own.png";
    none.removeAttribute("src");

    decide("go");

    expect(changed.outerHTML).toBe(`<img src="${VENDOR}2">`);
    expect(own.outerHTML).toBe('<img src="/own.png">');
    expect(none.outerHTML).toBe("<img>");
  });

  test("one foreign address in a set of them is enough", () => {
    const image = new Image();
    image.srcset = `/own.png 1x, ${VENDOR}2x.png 2x`;

    expect(image.hasAttribute("srcset")).toBe(false);
    expect(image.getAttribute("srcset")).toContain(VENDOR);
  });

  test("markup loses its addresses and keeps the rest", () => {
    document.body.innerHTML = `<p id="p"><a href="${VENDOR}">x</a><img alt="y" src="${VENDOR}i"></p>`;
    document.querySelector("#p")!.insertAdjacentHTML("beforebegin", `<img src="${VENDOR}first">`);

    expect(document.body.innerHTML).toBe(
      `<img data-cm-src="${VENDOR}first"><p id="p"><a href="${VENDOR}">x</a><img alt="y" data-cm-src="${VENDOR}i"></p>`,
    );
    decide("go");
    expect(document.querySelector("#p img")!.outerHTML).toBe(`<img alt="y" src="${VENDOR}i">`);
  });

  test("rows keep their table, and a template stays as it was written", () => {
    document.body.innerHTML = "<table><tbody></tbody></table><template></template>";
    document.querySelector("tbody")!.innerHTML = `<tr><td><img src="${VENDOR}"></td></tr>`;
    const template = document.querySelector("template")!;
    template.innerHTML = `<img src="${VENDOR}">`;

    expect(document.querySelector("tbody > tr > td > img[data-cm-src]")).not.toBeNull();
    expect(template.innerHTML).toBe(`<img src="${VENDOR}">`);
  });

  test("inert scripts and links that only name a page are left alone", () => {
    const content = document.createRange().createContextualFragment(
      `<script type="text/plain" data-cm-tag="a" src="${VENDOR}"></script>
       <link rel="canonical" href="${VENDOR}">`,
    );

    expect(content.querySelector("[data-cm-src],[data-cm-href]")).toBeNull();
    expect(content.querySelector("script")!.type).toBe("text/plain");
  });

  test("a refused element says so as a failed one does", async () => {
    const failed = vi.fn();
    const script = document.createElement("script");
    script.onerror = failed;
    script.src = VENDOR;
    decide("drop");

    await vi.waitFor(() => expect(failed).toHaveBeenCalledOnce());
    decide("go");
    expect(script.hasAttribute("src")).toBe(false);
  });
});

describe("requests", () => {
  test("fetch goes on after a yes, once, with what it was given", async () => {
    const waiting = fetch(VENDOR, { method: "POST", body: "b" });
    expect(sent).toEqual([]);

    decide("go");
    decide("go");

    expect(await waiting).toBe("answer");
    expect(sent).toEqual([[VENDOR, { method: "POST", body: "b" }]]);
  });

  test("fetch fails after a no, or when the page gives up", async () => {
    const controller = new AbortController();
    const refused = fetch(VENDOR);
    const given_up = fetch(VENDOR, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(given_up).rejects.toThrow("enough");

    decide("drop");

    await expect(refused).rejects.toThrow(TypeError);
    expect(sent).toEqual([]);
  });

  test("the page's own requests pass through as they are", () => {
    void fetch("/own", { method: "PUT" });
    navigator.sendBeacon(location.href, "x");

    expect(sent).toEqual([
      ["/own", { method: "PUT" }],
      [location.href, "x"],
    ]);
  });

  test("a beacon is taken and sent later", () => {
    const body = new URLSearchParams({ a: "1" });
    expect(navigator.sendBeacon(VENDOR, body)).toBe(true);
    expect(sent).toEqual([]);

    decide("go");

    expect(sent).toEqual([[VENDOR, body]]);
  });

  test("an XHR that was opened again does not send what it held for the first address", () => {
    const send = vi.fn();
    const request = new XMLHttpRequest();
    request.open("POST", VENDOR);
    request.send("old");
    request.open("GET", "data:,own");
    request.onloadstart = send;

    decide("go");

    expect(send).not.toHaveBeenCalled();
  });

  test("classes stay what they were", () => {
    class Mine extends WebSocket {}

    const socket = new Mine(VENDOR);

    expect(socket).toBeInstanceOf(WebSocket);
    expect(socket).toBeInstanceOf(Mine);
    expect(socket.url).not.toContain("tags.example");
    expect(WebSocket.OPEN).toBe(1);
    expect(WebSocket.prototype.constructor).toBe(WebSocket);
    answer = () => "go";
    expect(new WebSocket("wss://tags.example/").url).toBe("wss://tags.example/");
  });
});

describe("judging", () => {
  test("a fault in judging holds, and never reaches the page", () => {
    answer = () => {
      throw new Error("no");
    };
    expect(navigator.sendBeacon(VENDOR)).toBe(true);
    expect(sent).toEqual([]);
  });

  test("what waits for another host waits on, in its order", () => {
    for (const name of ["a", "b", "a"]) navigator.sendBeacon(`https://${name}.example/`);
    answer = ({ host }) => (host === "a.example" ? "go" : "hold");
    hold.update();
    expect(sent).toHaveLength(2);

    decide("go");
    expect(sent.map(([address]) => address).at(-1)).toBe("https://b.example/");
  });

  test("without replay what was held is forgotten, and what is new goes", () => {
    hold.judge((url) => answer(url), false);
    navigator.sendBeacon(VENDOR + "old");
    decide("go");
    navigator.sendBeacon(VENDOR + "new");

    expect(sent.map(([address]) => address)).toEqual([VENDOR + "new"]);
  });

  test("the log tells address, way and what became of it, and keeps 200", () => {
    for (let n = 0; n < 205; n++) navigator.sendBeacon(VENDOR + n);
    decide("go");

    expect(hold.log).toHaveLength(200);
    expect(hold.log.at(-1)).toEqual({
      address: VENDOR + 204,
      way: "beacon",
      verdict: "go",
      at: expect.any(Number),
    });
  });

  test("200 requests are kept; the oldest is dropped for a new one", () => {
    for (let n = 0; n < 203; n++) navigator.sendBeacon(VENDOR + n);
    decide("go");

    expect(sent).toHaveLength(200);
    expect(sent[0]).toEqual([VENDOR + 3]);
  });

  test.each([
    ["text", () => "x".repeat(100_000)],
    ["blob", () => new Blob(["x".repeat(100_000)])],
    ["bytes", () => new Uint8Array(100_000)],
    ["form", () => new URLSearchParams({ a: "x".repeat(100_000) })],
  ])("256 kB of bodies are kept: %s", (_, body) => {
    for (let n = 0; n < 4; n++) navigator.sendBeacon(VENDOR + n, body());
    decide("go");

    expect(sent.map(([address]) => address)).toEqual([VENDOR + 2, VENDOR + 3]);
  });

  test("loaded twice, it works once", async () => {
    vi.resetModules();
    const before = window.fetch;
    await import("../../static/src/hold.ts");

    expect(window.fetch).toBe(before);
    expect(window.cmHold).toBe(hold);
  });
});
