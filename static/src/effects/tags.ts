// Inert markup ⇄ running tags. A tag is written as `<template data-cm-tag="code">…</template>` or
// `<script type="text/plain" data-cm-tag="code">`; nothing in it runs or loads until the gate
// allows that code, and its frames and pixels leave the page as soon as the gate closes.

import type { Decision } from "../core/types.ts";

export type Source = HTMLTemplateElement | HTMLScriptElement;

interface Slot {
  source: Source;
  code: string;
  live: ChildNode[] | null;
  /** Its scripts were put on the page: opened again, they go on and are not run twice. */
  hasRun: boolean;
  /** Opened for this page view only, by a tap on the placeholder. */
  once: boolean;
  placeholder: HTMLElement | null;
}

export interface TagsHost {
  decide(code: string): Decision;
  /** A script element for a tag that is declared by its address alone. */
  scriptFor(code: string): HTMLScriptElement | null;
  copyScript(inert: HTMLScriptElement): HTMLScriptElement;
  /** Keep room for an embed that may not load, once; null = there is none in it. */
  reserve(source: Source): HTMLElement | null;
  release(source: Source): void;
  /** Say in that room who would receive something. */
  placeholder(place: HTMLElement, code: string, decision: Decision, openOnce: () => void): void;
  report(code: string, decision: Decision): void;
}

const SOURCES = 'template[data-cm-tag],script[type="text/plain"][data-cm-tag]';
export interface Tags {
  /** Open what may be open. Before that only exempt tags run: a stored refusal may yet be found. */
  open(): void;
  /** Bring every tag in line with the gate. Answers the closed tags whose scripts had run. */
  update(isDecision?: boolean): string[];
  /** Tags that put a script on this page; that cannot be undone without a reload. */
  ran: Set<string>;
}

/** Does the script that comes after it have to wait for this one? */
const isWaitedFor = (script: HTMLScriptElement) => script.src && !script.hasAttribute("async");

/** Start the download of a script that will run later. */
function preload(script: HTMLScriptElement): void {
  const link = document.createElement("link");
  link.rel = script.type === "module" ? "modulepreload" : "preload";
  link.as = "script";
  link.href = script.src;
  link.nonce = script.nonce;
  link.crossOrigin = script.crossOrigin;
  link.integrity = script.integrity;
  link.referrerPolicy = script.referrerPolicy;
  document.head.append(link);
}

export function watchTags(host: TagsHost): Tags {
  const slots = new Map<Source, Slot>();
  const queues: Record<string, Promise<void>> = {};
  const reported: Record<string, string> = {};
  const ran = new Set<string>();
  let isOpen = false;

  function release(slot: Slot): void {
    const { source, code } = slot;
    const content = document.createDocumentFragment();
    if (source instanceof HTMLTemplateElement) {
      content.append(document.importNode(source.content, true));
    } else if (source.src || source.text.trim()) {
      content.append(source.cloneNode(true));
    }
    const declared = content.firstElementChild ? null : host.scriptFor(code);
    if (declared) content.append(declared);
    if (slot.hasRun) for (const script of content.querySelectorAll("script")) script.remove();

    // Scripts run one by one, each after the one before it; tags do not wait for each other, as they
    // would in the browser's own order for inserted scripts.
    const waiting = [...content.querySelectorAll("script")].map((inert) => {
      const mark = document.createComment("");
      inert.replaceWith(mark);
      return { script: inert === declared ? declared : host.copyScript(inert), mark };
    });
    const live = (slot.live = [...content.childNodes]);
    host.release(source);
    slot.placeholder = null;
    source.before(content);
    waiting.forEach(({ script, mark }, index) => {
      // Downloaded side by side, though.
      if (index && isWaitedFor(script)) preload(script);
      const run = async () => {
        if (slot.live !== live) return;
        ran.add(code);
        slot.hasRun = true;
        live.push(script);
        const waits = isWaitedFor(script);
        if (waits) script.async = false;
        const loaded = new Promise((done) => {
          script.onload = script.onerror = done;
        });
        mark.replaceWith(script);
        if (waits) await loaded;
      };
      // The first one at once.
      queues[code] = queues[code]?.then(run) ?? run();
    });
  }

  function hold(slot: Slot, decision: Decision): void {
    const { source, code } = slot;
    slot.placeholder = decision.reason === "unknown_tag" ? null : host.reserve(source);
    if (!slot.placeholder) return;
    host.placeholder(slot.placeholder, code, decision, () => {
      slot.once = true;
      settle(slot);
    });
  }

  function settle(slot: Slot): void {
    const { code } = slot;
    const decision = host.decide(code);
    const allowed = slot.once || (decision.allowed && (isOpen || decision.reason === "exempt"));
    if (allowed && !slot.live) release(slot);
    if (!allowed && slot.live) {
      for (const node of slot.live) node.remove();
      slot.live = null;
    }
    // At once, so that the page does not move later.
    if (!allowed && !decision.allowed && !slot.placeholder) hold(slot, decision);
    if (isOpen && reported[code] !== decision.reason) {
      reported[code] = decision.reason;
      host.report(code, decision);
    }
  }

  function scan(root: Document | Element): void {
    const found = [...root.querySelectorAll<Source>(SOURCES)];
    if (root instanceof Element && root.matches(SOURCES)) found.push(root as Source);
    for (const source of found) {
      if (slots.has(source)) continue;
      const slot = {
        source,
        code: source.dataset.cmTag!,
        live: null,
        hasRun: false,
        once: false,
        placeholder: null,
      };
      slots.set(source, slot);
      settle(slot);
    }
  }

  function update(isDecision?: boolean): string[] {
    for (const [source, slot] of slots) {
      if (isDecision) slot.once = false;
      if (source.isConnected) settle(slot);
      else slots.delete(source);
    }
    return [...ran].filter((code) => !host.decide(code).allowed);
  }

  scan(document);
  new MutationObserver((records) => {
    for (const { addedNodes } of records) {
      for (const node of addedNodes) if (node instanceof Element) scan(node);
    }
  }).observe(document, { childList: true, subtree: true });

  return {
    open() {
      isOpen = true;
      update();
    },
    update,
    ran,
  };
}
