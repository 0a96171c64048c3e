import { afterEach, describe, expect, test } from "vitest";
import { tagOf } from "../../static/src/core/hosts.ts";
import { observe, stubIsEarly } from "../../static/src/effects/observe.ts";

const HOSTS = {
  exact: ["tags.example"],
  wild: ["*.tags.example", "*.deep.tags.example"],
  deep: ["a.deep.tags.example"],
  port: ["127.0.0.1:9001"],
  any_port: ["127.0.0.1"],
  twin: ["tags.example", "TWIN.example"],
  none: [],
};

describe("tagOf", () => {
  test.each([
    ["https://tags.example/x.js", ["exact", "twin"]],
    ["http://tags.example:8080/", ["exact", "twin"]],
    ["https://TAGS.example./", ["exact", "twin"]],
    ["https://twin.example/", ["twin"]],
    ["https://cdn.tags.example/", ["wild"]],
    ["https://a.deep.tags.example/", ["deep"]],
    ["https://b.deep.tags.example/", ["wild"]],
    ["wss://cdn.tags.example/", ["wild"]],
    ["http://127.0.0.1:9001/", ["port"]],
    ["http://127.0.0.1:9002/", ["any_port"]],
    ["https://eviltags.example/", []],
    ["https://tags.example.evil.example/", []],
    ["https://example/", []],
  ])("%s belongs to %j", (address, codes) => {
    expect(tagOf(HOSTS, new URL(address))).toEqual(codes);
  });
});

describe("observe", () => {
  const ask = (...addresses: string[]) =>
    observe(
      HOSTS,
      addresses.map((name) => ({ name })),
      [location.host, "consent.example"],
      (code) => code !== "twin",
    );

  test("lists each host once that no tag declares", () => {
    expect(
      ask("https://new.example/a", "https://new.example/b", "http://new.example:81/").undeclared,
    ).toEqual(["new.example", "new.example:81"]);
  });

  test("a denied tag's host is a leak, unless another tag that has it is allowed", () => {
    const { undeclared, leaks } = ask("https://cdn.tags.example/p", "https://tags.example/q");

    expect(undeclared).toEqual([]);
    expect(leaks).toEqual([{ host: "cdn.tags.example", tags: ["wild"] }]);
  });

  test("the page, the service and what is no request do not count", () => {
    expect(
      ask(location.href, "https://consent.example/v1/x", "data:,x", "blob:https://a/b", "odd"),
    ).toEqual({ undeclared: [], leaks: [] });
  });
});

describe("stubIsEarly", () => {
  afterEach(() => (document.head.innerHTML = ""));
  const own = (markup: string) => {
    document.head.innerHTML = markup;
    const script = document.querySelector<HTMLScriptElement>("#own");
    // The simulated page does not know this property.
    if (script) script.async = script.hasAttribute("async");
    return stubIsEarly(script);
  };

  test.each([
    '<script id="own"></script><script src="https://tags.example/"></script>',
    '<meta charset="utf-8"><script id="own"></script>',
    '<link rel="stylesheet" href="/own.css"><script src="/own.js"></script><script id="own"></script>',
    '<script type="application/json">{}</script><script id="own"></script>',
    '<link rel="canonical" href="https://other.example/"><script id="own"></script>',
  ])("nothing to say: %s", (markup) => expect(own(markup)).toBeNull());

  test.each([
    ['<script id="own" async></script>', "async"],
    ['<script id="own" defer></script>', "async"],
    ["", "module"],
    ['<script src="https://tags.example/"></script><script id="own"></script>', "<script>"],
    ["<script>;</script><script id='own'></script>", "<script>"],
    ['<img src="https://tags.example/p.gif"><script id="own"></script>', "<img>"],
    ['<link rel="preconnect" href="https://tags.example"><script id="own"></script>', "<link>"],
  ])("says what is wrong: %s", (markup, word) => expect(own(markup)).toContain(word));
});
