// Entry of its own, in front of the loader for sites that hold without re-tagging: what a page asks
// of another host waits here until the loader says what may go. Markup that the parser makes can only
// be caught after the fact; docs/hold.md says what that means, and what nothing in a page can catch.

import type { Device } from "./device.ts";
import { verdictFor, type HoldTerms } from "./effects/verdict.ts";

/** May this address be asked now? "hold" = perhaps later, "drop" = never on this page. */
export type Verdict = "go" | "hold" | "drop";

export interface HeldRequest {
  address: string;
  /** script, img, iframe, link … (the element), or fetch, xhr, beacon, websocket, eventsource. */
  way: string;
  /** What became of it last. A websocket or an eventsource that may not go has already failed. */
  verdict: Verdict;
  /** Milliseconds since the page was opened. */
  at: number;
}

export interface Hold {
  /**
   * Say how to judge; until then everything of another host is held. Without `replays`, what was
   * held is forgotten when it may go, and only what is asked from then on goes.
   */
  judge(verdict: (url: URL) => Verdict, replays?: boolean): void;
  /** A decision was made: let go what may go now, forget what was refused. */
  update(): void;
  /** Judge by what this device decided. */
  follow(device: Device, terms: HoldTerms, endpoint: string): void;
  /** The newest 200 requests that were not let through at once. */
  readonly log: readonly HeldRequest[];
}

declare global {
  interface Window {
    cmHold?: Hold;
  }
}

/** What waits: its line in the log, its address, its body's size, and what comes of it. */
type Waiting = [entry: HeldRequest, url: URL, bytes: number, go: () => void, refuse: () => void];

/** What is patched belongs to the platform, whose types do not fit loops over names. */
type Any = any;

const MOST = 200;
const MOST_BYTES = 256 * 1024;
/** Which properties of which elements make the browser ask an address. */
const ADDRESSES =
  "script.src img.src img.srcset iframe.src link.href link.imageSrcset embed.src object.data video.src video.poster audio.src source.src source.srcset track.src input.src".split(
    " ",
  );
const attributes = ADDRESSES.map((pair) => pair.toLowerCase());
/** Elements, and markup, that may have one of these. */
const SELECTOR = "[src],[srcset],link,object,video";
const MARKUP = /src|<link|<object|poster/i;
const INSERTS =
  /^(append(Child)?|prepend|before|after|insertBefore|insertAdjacentElement|replace(Child|Children|With))$/;

function create(): Hold {
  let verdict: (url: URL) => Verdict = () => "hold";
  let replays = true;
  let waiting: Waiting[] = [];
  const log: HeldRequest[] = [];
  const own = document.currentScript as HTMLScriptElement | null;
  const ours = [location.host, own?.src && new URL(own.src).host];

  /** The page's own code must not see a fault of ours. */
  function attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {}
  }

  // --- What may go ----------------------------------------------------------------------------
  const judge = (url: URL) => attempt(() => verdict(url)) ?? "hold";

  /** The address, if it is another host's. What is wrong with one, the browser says itself. */
  const foreign = (address: Any) =>
    attempt(() => {
      const url = new URL(address, document.baseURI);
      return /^(http|ws)/.test(url.protocol) && !ours.includes(url.host) ? url : null;
    });

  /** Is the address free? If not, `go` or `refuse` follows; without `go` it is never tried again. */
  function isFree(way: string, address: Any, refuse: () => void, go?: () => void, body?: Any) {
    const url = foreign(address);
    const answer = url ? judge(url) : "go";
    if (!url || answer === "go") return true;
    const entry = { address: url.href, way, verdict: answer, at: performance.now() };
    if (log.push(entry) > MOST) log.shift();
    if (answer === "drop") setTimeout(refuse);
    else if (go) {
      waiting.push([entry, url, sizeOf(body), go, refuse]);
      while (
        waiting.length > MOST ||
        waiting.reduce((sum, [, , bytes]) => sum + bytes, 0) > MOST_BYTES
      )
        settle(waiting.shift()!, "drop");
    }
    return false;
  }

  /** Bytes of a body, or UTF-16 units of a text; forms count their values. */
  function sizeOf(body: Any): number {
    return (
      body?.byteLength ??
      (body?.values
        ? [...body.values()].reduce((sum, value) => sum + sizeOf(value), 0)
        : (body?.size ?? body?.length ?? 0))
    );
  }

  function settle([entry, , , go, refuse]: Waiting, answer: Verdict): void {
    entry.verdict = answer;
    if (answer === "go") attempt(go);
    else setTimeout(refuse);
  }

  function update(): void {
    const now = waiting;
    waiting = [];
    for (const held of now) {
      const answer = judge(held[1]);
      if (answer === "hold") waiting.push(held);
      else settle(held, replays ? answer : "drop");
    }
  }

  /**
   * Put `around` in front of a method or a property's setter; `native()` goes on to it. `read` may
   * answer for the property instead.
   */
  function wrap(
    owner: Any,
    name: string,
    around: (native: () => Any, self: Any, args: Any[]) => Any,
    read?: (self: Any) => string | undefined,
  ): void {
    const property: Any = Object.getOwnPropertyDescriptor(owner, name);
    if (!property) return;
    const part = property.set ? "set" : "value";
    const native = property[part];
    property[part] = function (...args: Any[]) {
      return around(() => native.apply(this, args), this, args);
    };
    const { get } = property;
    if (read)
      property.get = function () {
        return read(this) ?? get.call(this);
      };
    Object.defineProperty(owner, name, property);
  }

  // --- Elements -------------------------------------------------------------------------------
  const element = Element.prototype;
  const { getAttribute, setAttribute, removeAttribute } = element;
  const { insertBefore } = Node.prototype;
  const isAddress = (self: Element, name: string) => attributes.includes(self.localName + "." + name);
  /** The address that an element was given and does not have yet. */
  const heldAddress = (self: Element, name: string) => getAttribute.call(self, "data-cm-" + name);

  /** May the element have this address? If not, it stays there as `data-cm-src`, and `apply` waits. */
  function mayPlace(self: Any, name: string, value: Any, apply: () => void): boolean {
    const text = attempt(() => String(value))!;
    const isRead = (address: string) =>
      isFree(
        self.localName,
        address,
        () => self.dispatchEvent(new Event("error")),
        () => {
          // Only the last address that the element was given counts.
          if (heldAddress(self, name) !== text || !mayPlace(self, name, value, apply)) return;
          apply();
          // A source is looked at once, when it comes into its video.
          if (self.localName === "source") self.parentNode.load();
        },
      );
    const may =
      /^(canonical|alternate)$/.test(self.rel) ||
      (/set$/.test(name) ? text.split(/,?\s+/) : [text]).every(isRead);
    if (may) removeAttribute.call(self, "data-cm-" + name);
    else setAttribute.call(self, "data-cm-" + name, text);
    return may;
  }

  /** Take the addresses out of nodes whose attributes no setter has seen. */
  function scan(root: Any, isMarkup?: boolean): void {
    attempt(() => {
      for (const self of [root, ...root.querySelectorAll(SELECTOR)]) {
        for (const { name, value } of [...(self.attributes ?? [])]) {
          if (!isAddress(self, name)) continue;
          if (self.localName !== "script") {
            const apply = () => setAttribute.call(self, name, value);
            if (!mayPlace(self, name, value, apply)) removeAttribute.call(self, name);
            continue;
          }
          // Its address stays: under Trusted Types it could not be put back. Scripts that come from
          // innerHTML never run, and a page that reads them there must find them as they were.
          const type = getAttribute.call(self, "type");
          if (isMarkup || (type && !/java|ecma|module/.test(type))) continue;
          const apply = () => {
            self.type = type ?? "";
            if (getAttribute.call(self, "async") === null) self.async = false;
            insertBefore.call(self.parentNode, self, self.nextSibling);
          };
          if (!mayPlace(self, name, value, apply)) self.type = "text/plain";
        }
      }
    });
  }

  for (const pair of ADDRESSES) {
    const [tag, property] = pair.split(".") as [string, string];
    const name = property.toLowerCase();
    for (let owner = document.createElement(tag); owner; owner = Object.getPrototypeOf(owner))
      wrap(
        owner,
        property,
        (native, self, [value]) => mayPlace(self, name, value, native) && native(),
        (self) => {
          const held = heldAddress(self, name);
          return (held && !/set$/.test(name) ? foreign(held)?.href : held) ?? undefined;
        },
      );
  }
  for (const method of ["setAttribute", "setAttributeNS"]) {
    wrap(element, method, (native, self, args) => {
      const [name, value] = args.slice(-2);
      const plain = String(name).toLowerCase();
      return (!isAddress(self, plain) || mayPlace(self, plain, value, native)) && native();
    });
  }
  wrap(
    element,
    "getAttribute",
    (native, self, [name]) => (isAddress(self, name) ? heldAddress(self, name) : null) ?? native(),
  );
  wrap(element, "removeAttribute", (native, self, [name]) => {
    if (isAddress(self, name)) removeAttribute.call(self, "data-cm-" + name);
    native();
  });

  // --- Markup ---------------------------------------------------------------------------------
  for (const { prototype } of [Node, Element, Document, DocumentFragment, CharacterData]) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (!INSERTS.test(name)) continue;
      wrap(prototype, name, (native, self, args) => {
        for (const node of args) {
          // What is built apart from the page is looked at once, when it comes in.
          if (
            node?.querySelectorAll &&
            (node.ownerDocument !== document || (self.isConnected && !node.isConnected))
          )
            scan(node);
        }
        return native();
      });
    }
  }

  const setHtml = Object.getOwnPropertyDescriptor(element, "innerHTML")!.set!;

  /**
   * Put markup in front of `next`, its addresses taken out: it becomes nodes apart from the page,
   * where frames and styles do not load yet.
   */
  function putMarkup(
    native: () => void,
    parent: Any,
    html: Any,
    next: Node | null,
    clear?: () => void,
  ): void {
    const name = parent?.localName;
    if (parent?.ownerDocument !== document || name === "template" || !MARKUP.test(html))
      return native();
    // A custom element, or a shadow root, must not be made a second time.
    const apart =
      name && !/-/.test(name)
        ? document.createElementNS(parent.namespaceURI, name)
        : document.createElement("div");
    setHtml.call(apart, html);
    scan(apart, true);
    clear?.();
    // Together, as the page's observers would see them come.
    const content = document.createDocumentFragment();
    while (apart.firstChild) insertBefore.call(content, apart.firstChild, null);
    insertBefore.call(parent, content, next);
  }

  for (const { prototype } of [Element, ShadowRoot]) {
    wrap(prototype, "innerHTML", (native, self, [html]) =>
      putMarkup(native, self, html, null, () => (self.textContent = "")),
    );
  }
  wrap(element, "outerHTML", (native, self, [html]) =>
    putMarkup(native, self.parentNode, html, self.nextSibling, () => self.remove()),
  );
  wrap(element, "insertAdjacentHTML", (native, self, [position, html]) => {
    const { parentNode, firstChild, nextSibling } = self;
    const places: Record<string, [Node, Node | null]> = {
      beforebegin: [parentNode, self],
      afterbegin: [self, firstChild],
      beforeend: [self, null],
      afterend: [parentNode, nextSibling],
    };
    const [parent, next] = places[String(position).toLowerCase()] ?? [null, null];
    putMarkup(native, parent, html, next);
  });
  wrap(Range.prototype, "createContextualFragment", (native) => {
    const content = native();
    scan(content);
    return content;
  });
  for (const name of ["write", "writeln"]) {
    wrap(Document.prototype, name, (native, self, args) => {
      // What the parser gets from a running script, nothing sees before it is asked.
      const html = args[1] ? args.join("") : args[0];
      const addresses = String(html).match(/(https?:)?\/\/[^\s"'<>]+/gi) ?? [];
      const isHeld = (address: string) => {
        const url = foreign(address);
        return url && judge(url) !== "go";
      };
      if (self !== document || !MARKUP.test(html) || !addresses.some(isHeld)) return native();
      const place: Any = document.currentScript ?? document.body.lastChild;
      place.after(document.createRange().createContextualFragment(html));
    });
  }

  // The parser comes past no function. Its scripts never run; what it asks may be on its way.
  const parsed = (records: MutationRecord[]) => {
    for (const { addedNodes } of records) {
      for (const node of addedNodes) if (node instanceof Element) scan(node);
    }
  };
  const parser = new MutationObserver(parsed);
  parser.observe(document, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", () => {
    parsed(parser.takeRecords());
    parser.disconnect();
  });

  // --- Requests -------------------------------------------------------------------------------
  wrap(window, "fetch", (native, _, [input, init]) => {
    let settled: [(answer: Any) => void, (error: Any) => void];
    const answer = new Promise((...both) => (settled = both));
    const fail = (error: Any) => settled[1](error);
    const refuse = () => fail(new TypeError("Failed to fetch"));
    const go = () => native().then(...settled);
    if (isFree("fetch", input?.url ?? input, refuse, go, init?.body)) return native();
    const signal = init?.signal ?? input.signal;
    signal?.addEventListener("abort", () => fail(signal.reason));
    return answer;
  });

  const request = XMLHttpRequest.prototype;
  const { open, send } = request;
  const opened = new WeakMap<XMLHttpRequest, [unknown]>();
  wrap(request, "open", (native, self, [, address]) => {
    opened.set(self, [address]);
    native();
  });
  wrap(request, "send", (native, self, [body]) => {
    const address = opened.get(self);
    const isSame = () => opened.get(self) === address;
    // An address that leads nowhere gives the events and states of a failed request.
    const refuse = () => {
      if (!isSame()) return;
      open.call(self, "GET", "blob:x", true);
      send.call(self);
    };
    if (isFree("xhr", address?.[0] ?? "", refuse, () => isSame() && native(), body)) native();
  });
  wrap(Navigator.prototype, "sendBeacon", (native, _, [address, body]) =>
    isFree("beacon", address, () => {}, native, body) ? native() : true,
  );

  /** A class keeps its name, prototype and constants; only making one is looked at. */
  function wrapClass(name: string, make: (native: (...args: Any[]) => Any, args: Any[]) => Any) {
    const native = (window as Any)[name];
    if (!native) return;
    (window as Any)[name] = native.prototype.constructor = new Proxy(native, {
      construct: (target, args, newTarget) =>
        make((...given) => Reflect.construct(target, given, newTarget), args),
    });
  }

  // These fail as they do offline, since code that uses them connects again by itself.
  const connection = (name: string, nowhere: string) =>
    wrapClass(name, (native, args) =>
      isFree(name.toLowerCase(), args[0], () => {}) ? native(...args) : native(nowhere),
    );
  connection("WebSocket", "wss://255.255.255.255");
  connection("EventSource", "data:,");
  wrapClass("Audio", (native, [address]) => {
    const audio = native();
    if (address !== undefined) audio.src = address;
    return audio;
  });

  return {
    judge(by, again = true) {
      verdict = by;
      replays = again;
      update();
    },
    follow(device, terms, endpoint) {
      this.judge((url) => verdictFor(device, terms, endpoint, url), terms.replays);
    },
    update,
    log,
  };
}

// The loader takes it away at once, so that no page code can let go what is held. A second copy of
// the script finds the first one's work done.
if (!Object.hasOwn(window, "consentManager")) window.cmHold ??= create();
