// Inert markup ⇄ running tags. A tag is written as `<template data-cm-tag="code">…</template>` or
// `<script type="text/plain" data-cm-tag="code">`; nothing in it runs or loads until the gate
// allows that code, and its frames and pixels leave the page as soon as the gate closes.

import type { Decision } from "../core/types.ts";
import type { Device } from "../device.ts";
import { copyScript } from "../io/copy_script.ts";
import { scriptFor } from "../io/script.ts";
import { announce } from "./announce.ts";

export type Source = HTMLTemplateElement | HTMLScriptElement;

interface Slot {
  source: Source;
  code: string;
  live?: ChildNode[] | null;
  /** Its scripts were put on the page: opened again, they go on and are not run twice. */
  hasRun?: boolean;
  /** Opened for this page view only, by a tap on the placeholder. */
  once?: boolean;
  /** The room that says why it is empty. */
  filled?: HTMLElement | null;
}

export interface TagsHost {
  /** Keep room for an embed that may not load, once; null = there is none in it. */
  reserve(source: Source): HTMLElement | null;
  release(source: Source): void;
  /** Say in that room who would receive something. */
  placeholder(place: HTMLElement, code: string, decision: Decision, openOnce: () => void): void;
  /**
   * Run scripts one after the other, and after `before`: each takes the place that is kept for it,
   * while `slot` shows what it shows now; `runs`: one of them does.
   */
  inOrder(
    before: Promise<unknown> | undefined,
    scripts: [HTMLScriptElement, ChildNode][],
    slot: { live?: ChildNode[] | null },
    runs: () => void,
  ): Promise<unknown>;
}

export interface Tags {
  /** Bring every tag in line with the gate. Answers the closed tags whose scripts had run. */
  update(isDecision?: boolean): string[];
  /** Tags that put a script on this page; that cannot be undone without a reload. */
  ran: Set<string>;
}

const SOURCES = 'template[data-cm-tag],script[type="text/plain"][data-cm-tag]';

/** Does the script that comes after it have to wait for this one? */
export const isWaitedFor = (script: HTMLScriptElement) =>
  script.src && !script.hasAttribute("async");

export function watchTags(device: Device, host: TagsHost): Tags {
  const slots = new Map<Source, Slot>();
  /** By tag: a script that the next one of the same tag has to wait for. */
  const queues: Record<string, Promise<unknown>> = {};
  const reported: Record<string, string> = {};
  const ran = new Set<string>();

  function open(slot: Slot): void {
    const { source, code, hasRun } = slot;
    const content = document.createDocumentFragment();
    if (source instanceof HTMLTemplateElement) {
      content.append(document.importNode(source.content, true));
    } else if (source.src || source.text.trim()) {
      content.append(source.cloneNode(true));
    }
    const address = device.config.tags[code]?.loader_url;
    const declared = !content.firstElementChild && address && scriptFor(address);
    if (declared) content.append(declared);

    const inert = [...content.querySelectorAll("script")];
    const waits = queues[code] || inert.slice(0, -1).some(isWaitedFor);
    const scripts = inert.map((old): [HTMLScriptElement, ChildNode] => {
      const script = old === declared ? old : copyScript(old);
      const place = waits ? new Comment() : script;
      if (hasRun) old.remove();
      else old.replaceWith(place);
      return [script, place];
    });
    slot.live = [...content.childNodes];
    host.release(source);
    slot.filled = null;
    const last = scripts.at(-1)?.[0];
    if (last && !hasRun) {
      const runs = () => {
        slot.hasRun = true;
        ran.add(code);
      };
      if (waits) queues[code] = host.inOrder(queues[code], scripts, slot, runs);
      else {
        runs();
        if (isWaitedFor(last)) {
          queues[code] = new Promise((done) => (last.onload = last.onerror = done));
        }
      }
    }
    source.before(content);
  }

  function settle(slot: Slot): void {
    const { code } = slot;
    const decision = device.decide(code);
    const { allowed, reason } = decision;
    const isAllowed = slot.once || (allowed && (device.isOpen || reason === "exempt"));
    if (isAllowed && !slot.live) open(slot);
    if (!isAllowed && slot.live) {
      for (const node of slot.live) node.remove();
      slot.live = null;
    }
    if (!isAllowed && !allowed && reason !== "unknown_tag") {
      const place = host.reserve(slot.source);
      if (place && place !== slot.filled) {
        slot.filled = place;
        host.placeholder(place, code, decision, () => {
          slot.once = true;
          settle(slot);
        });
      }
    }
    if (device.isOpen && reported[code] !== reason) {
      reported[code] = reason;
      announce("tag", { tag: code, ...decision });
    }
  }

  function scan(root: Document | Element): void {
    const found = [...root.querySelectorAll<Source>(SOURCES)];
    if (root instanceof Element && root.matches(SOURCES)) found.push(root as Source);
    for (const source of found) {
      if (slots.has(source)) continue;
      const slot = { source, code: source.dataset.cmTag! };
      slots.set(source, slot);
      settle(slot);
    }
  }

  scan(document);
  new MutationObserver((records) => {
    for (const { addedNodes } of records) {
      for (const node of addedNodes) if (node instanceof Element) scan(node);
    }
  }).observe(document, { childList: true, subtree: true });

  return {
    update(isDecision) {
      for (const [source, slot] of slots) {
        if (isDecision) slot.once = false;
        if (source.isConnected) settle(slot);
        else slots.delete(source);
      }
      return [...ran].filter((code) => !device.decide(code).allowed);
    },
    ran,
  };
}
