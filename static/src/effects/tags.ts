// Inert markup ⇄ running tags. A tag is written as `<template data-cm-tag="code">…</template>` or
// `<script type="text/plain" data-cm-tag="code">`; nothing in it runs or loads until the gate
// allows that code, and its frames and pixels leave the page as soon as the gate closes.

import type { Device } from "../device.ts";
import { copyScript } from "../io/copy_script.ts";
import { scriptFor } from "../io/script.ts";
import { el } from "../ui/nodes.ts";

export type Source = HTMLTemplateElement | HTMLScriptElement;

export interface Slot {
  source: Source;
  code: string;
  live?: ChildNode[] | null;
  /** Its scripts were put on the page: opened again, they go on and are not run twice. */
  hasRun?: boolean;
  /** Opened for this page view only, by a tap on the placeholder. */
  once?: boolean;
  /** Room that is kept for an embed while it may not load. */
  place?: HTMLElement | null;
}

/**
 * Run scripts one after the other, and after `before`: each takes the place that is kept for it,
 * while `slot` shows what it shows now; `runs`: one of them does.
 */
export type InOrder = (
  before: Promise<unknown> | undefined,
  scripts: [HTMLScriptElement, ChildNode][],
  slot: { live?: ChildNode[] | null },
  runs: () => void,
) => Promise<unknown>;

export interface Tags {
  /** Those whose source is still on the page; the others are forgotten. */
  slots(): Slot[];
  /** Tags that put a script on this page; that cannot be undone without a reload. */
  ran: Set<string>;
  /** Bring a tag in line with the gate. */
  settle(slot: Slot): void;
  /** Take on the tags in there that are new, and answer them. */
  scan(root: ParentNode): Slot[];
}

const SOURCES = 'template[data-cm-tag],script[type="text/plain"][data-cm-tag]';

/** Does the script that comes after it have to wait for this one? */
export const isWaitedFor = (script: HTMLScriptElement) =>
  script.src && !script.hasAttribute("async");

export function createTags(device: Device, inOrder: InOrder): Tags {
  const slots = new Map<Source, Slot>();
  /** By tag: a script that the next one of the same tag has to wait for. */
  const queues: Record<string, Promise<unknown>> = {};
  const ran: Tags["ran"] = new Set();

  function open(slot: Slot): void {
    const { source, code, hasRun, place } = slot;
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
      const stand = waits ? new Comment() : script;
      if (hasRun) old.remove();
      else old.replaceWith(stand);
      return [script, stand];
    });
    slot.live = [...content.childNodes];
    place?.remove();
    slot.place = null;
    const last = scripts.at(-1)?.[0];
    if (last && !hasRun) {
      const runs = () => {
        slot.hasRun = true;
        ran.add(code);
      };
      if (waits) queues[code] = inOrder(queues[code], scripts, slot, runs);
      else {
        runs();
        if (isWaitedFor(last)) {
          queues[code] = new Promise((done) => (last.onload = last.onerror = done));
        }
      }
    }
    source.before(content);
  }

  /** At once and of the size of what it stands for, so that nothing moves when it comes or opens. */
  function reserve(slot: Slot): void {
    const { content } = slot.source as Partial<HTMLTemplateElement>;
    const embed = content?.querySelector("iframe,embed,object,video,audio");
    if (!embed || slot.place) return;
    const place = (slot.place = el("div", { class: "cm-placeholder" }));
    const size = (name: string) => embed.getAttribute(name);
    // What is no number of pixels is no valid style, and ignored.
    Object.assign(place.style, {
      display: "block",
      maxWidth: "100%",
      width: size("width") + "px",
      minHeight: (size("height") ?? 200) + "px",
    });
    slot.source.before(place);
  }

  function settle(slot: Slot): void {
    const { allowed, reason } = device.decide(slot.code);
    const isAllowed = slot.once || (allowed && (device.isOpen || reason === "exempt"));
    if (isAllowed && !slot.live) open(slot);
    if (!isAllowed && slot.live) {
      for (const node of slot.live) node.remove();
      slot.live = null;
    }
    if (!isAllowed && !allowed && reason !== "unknown_tag") reserve(slot);
  }

  return {
    slots() {
      for (const source of slots.keys()) if (!source.isConnected) slots.delete(source);
      return [...slots.values()];
    },
    ran,
    settle,
    scan(root) {
      return [...root.querySelectorAll<Source>(SOURCES)].flatMap((source) => {
        if (slots.has(source)) return [];
        const slot = { source, code: source.getAttribute("data-cm-tag")! };
        slots.set(source, slot);
        settle(slot);
        return slot;
      });
    },
  };
}
