import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createApi, isSameSite } from "../../static/src/io/api.ts";
import { clearBrowser } from "./site.ts";

const calls: { url: string; init: RequestInit & { headers: Record<string, string> } }[] = [];
let reply: () => Response;

beforeEach(() => {
  calls.length = 0;
  reply = () => new Response("{}", { status: 201 });
  vi.stubGlobal("fetch", async (url: string, init: never) => {
    calls.push({ url, init });
    return reply();
  });
});
afterEach(clearBrowser);

const near = () => serviceAt("https://consent.kloset.example");
const far = () => serviceAt("https://consent.service.example");

function serviceAt(endpoint: string) {
  const { call } = createApi(endpoint);
  return { call, record: () => call("/v1/consents", { site: "kloset", method: "refuse" }) };
}

describe("same site", () => {
  test.each([
    ["www.kloset.example", "consent.kloset.example", true],
    ["kloset.co.jp", "consent.kloset.co.jp", true],
    ["127.0.0.1", "127.0.0.1", true],
    ["localhost", "localhost", true],
    ["kloset.co.jp", "other.co.jp", false],
    ["kloset.example", "service.example", false],
    ["127.0.0.1", "10.0.0.1", false],
    ["localhost", "127.0.0.1", false],
    ["notkloset.example", "kloset.example", false],
  ])("%s and %s: %s", (a, b, expected) => {
    expect(isSameSite(a, b)).toBe(expected);
    expect(isSameSite(b, a)).toBe(expected);
  });
});

describe("the device's token", () => {
  test("travels in the cookie where the service is the same site", async () => {
    await near().record();
    expect(calls[0]!.init).toMatchObject({
      method: "POST",
      credentials: "include",
      keepalive: true,
    });
    expect(calls[0]!.init.headers).toEqual({ "Content-Type": "application/json" });
  });

  test("travels in a header where it is not, and is kept and rotated", async () => {
    reply = () => new Response('{"device_token":"t1"}', { status: 201 });
    await far().record();
    await far().record();
    expect(calls.map(({ init }) => [init.credentials, init.headers["X-Consent-Device"]])).toEqual([
      ["omit", "new"],
      ["omit", "t1"],
    ]);
  });

  test("starts anew when the service does not believe it", async () => {
    localStorage.setItem("cm_device", "old");
    reply = () => new Response('{"code":"token_refused"}', { status: 403 });
    await far().record();
    expect(localStorage.getItem("cm_device")).toBe("new");
  });

  test("stays when something else is refused, and when a newer one came meanwhile", async () => {
    localStorage.setItem("cm_device", "old");
    reply = () => new Response('{"code":"seed_refused"}', { status: 403 });
    await far().record();
    expect(localStorage.getItem("cm_device")).toBe("old");
    reply = () => {
      localStorage.setItem("cm_device", "newer");
      return new Response('{"code":"token_refused"}', { status: 403 });
    };
    await far().record();
    expect(localStorage.getItem("cm_device")).toBe("newer");
  });

  test("in the cookie is the browser's own affair", async () => {
    localStorage.setItem("cm_device", "old");
    reply = () => new Response('{"code":"token_refused","device_token":"t1"}', { status: 403 });
    await near().record();
    expect(localStorage.getItem("cm_device")).toBe("old");
  });

  test("goes along when something is only asked", async () => {
    for (const { call } of [near(), far()]) await call("/v1/bootstrap?site=kloset");
    const path = "/v1/bootstrap?site=kloset";
    expect(calls.map(({ url, init }) => [url, init.credentials, init.headers])).toEqual([
      ["https://consent.kloset.example" + path, "include", {}],
      ["https://consent.service.example" + path, "omit", { "X-Consent-Device": "new" }],
    ]);
    expect(calls.map(({ init }) => init.method)).toEqual(["GET", "GET"]);
    expect(calls.map(({ init }) => [init.body, init.keepalive])).toEqual([
      [null, false],
      [null, false],
    ]);
  });
});

describe("answers", () => {
  test.each([
    ["3", 3000],
    [new Date(Date.now() + 60_000).toUTCString(), 60_000],
    ["soon", 0],
  ])("Retry-After: %s", async (text, expected) => {
    reply = () => new Response("busy", { status: 503, headers: { "Retry-After": text } });
    const answer = await near().record();
    expect(answer).toMatchObject({ status: 503, body: null });
    expect(Math.abs(answer.retryAfter - expected)).toBeLessThan(2000);
  });

  test("no network, and a body that is no JSON", async () => {
    reply = () => new Response("<html>", { status: 201 });
    expect(await near().record()).toMatchObject({ status: 201, body: null });
    reply = () => {
      throw new TypeError("offline");
    };
    expect(await near().record()).toMatchObject({ status: 0, body: null });
  });
});
