// Entry 2, after what was opened or answered, or when the page has come to rest: stand-ins, messages,
// what else a decision does, the way back to the preferences, and asking again.

import { isAsking } from "./core/asking.ts";
import css from "./css/act.css";
import { createDecisions, type Decisions } from "./decision.ts";
import { now } from "./device.ts";
import { watchTags } from "./effects/watch_tags.ts";
import { ownScript } from "./io/script.ts";
import { attempt } from "./io/storage.ts";
import { wait } from "./io/wait.ts";
import type { Question } from "./later.ts";
import type { Part } from "./loader.ts";
import { addStyles, button, el } from "./ui/nodes.ts";

export type Act = Decisions;

const { host, resolve } = (document.currentScript as Part<Act>).cm;
const { device, later, root, show } = host;
const { config } = device;
const { presentation: surface } = config;
const page = document.documentElement;

const tags = watchTags(
  device,
  host.tags,
  (place, code, decision, openOnce) =>
    void later()
      .then((more) =>
        more.placeholder(place, code, decision, () => {
          device.once.add(code);
          host.tell();
          openOnce();
        }),
      )
      .catch(() => {}),
);
const decisions = createDecisions(host, tags);

const isAsked = () => isAsking(config, device.choices, now());

// --- Messages, and the way back -----------------------------------------------------------------
const toast = el("p", { class: "cm-toast", role: "status", lang: host.language });
const corner = button(host.wording.settings_link, "cm-corner", () => void show());
corner.lang = host.language;

function say(text = ""): void {
  toast.textContent = text;
  if (text) setTimeout(say, 8000);
}

/** A decision was stored: say so, and mention an absent service. A dialog that stays open speaks for
    itself. */
host.decided = ({ reloads, sent }) => {
  if (!host.bar?.isConnected || !isAsked()) closeBar();
  if (host.isOpen) return;
  const { wording } = host;
  say((reloads && wording.reload_note) || wording.saved);
  void sent.then((isSent) => isSent || say(wording.offline_note));
};

/** Room at the end of the page, so that nothing stays behind what floats over it. */
const { style } = page;
const resized = new ResizeObserver(() => {
  const height = (host.bar ?? corner).offsetHeight;
  if (!height) return;
  style.scrollPaddingBottom = height + 24 + "px";
  if (style.paddingBottom || scrollY) makeRoom();
});
// A page that is laid out to the window's height never scrolls, and would move.
const makeRoom = () => void (style.paddingBottom = style.scrollPaddingBottom);
addEventListener("scroll", makeRoom, { once: true });

// --- Asking ------------------------------------------------------------------------------------
function float(): void {
  const { bar } = host;
  corner.hidden = !!bar;
  if (!bar) return;
  resized.observe(bar);
  bar.onclose = closeBar;
}
host.drawn = float;

function closeBar(): void {
  host.hadFocus ||= host.bar?.contains(root.activeElement);
  host.bar?.remove();
  host.bar = null;
  float();
  // Leading the keyboard there lays the page out, which what was allowed need not wait for.
  if (host.hadFocus) requestAnimationFrame(focusCorner);
  host.hadFocus = false;
}

/** Unless the visitor has gone elsewhere meanwhile. */
function focusCorner(): void {
  const { activeElement: at, body } = document;
  if (!at || at === body || at === root.host) corner.focus();
}

let asking = 0;
/** Ask what there is to ask, or take the question away. */
async function ask(): Promise<void> {
  const turn = ++asking;
  // A notice that the service has retired can get no grant: ask about that once in a tab.
  const isRetired = () =>
    device.choices && attempt(() => sessionStorage.cm_retired) == config.notice;
  const isAsking = () => isAsked() && !isRetired();
  if (!isAsking()) return closeBar();
  // The service says so only where the link to the settings is notice enough.
  if (surface === "link") {
    host.painted();
    // What a first layer would have said.
    if (device.gpc && device.shown === null) say(host.wording.gpc_honoured);
    return;
  }
  // Asked already, as long as nothing was decided.
  if (host.bar && !device.choices) return;
  // What to say of it has to be found out. Without the service, after a second, the question alone.
  const question = await Promise.race<Question | void>([
    later().then((more) => more.explain()),
    wait(1000),
  ]).catch(() => {});
  // Meanwhile it may have been answered.
  if (turn !== asking || !isAsking()) return;
  host.draw(question?.note, question || undefined);
}
host.changed = () => void ask();

addStyles(root, css);
root.append(corner, toast);
resized.observe(corner);
float();
// By Escape it was left without an answer. What was answered a moment ago is taken up by the answer.
if ((host.bar as Partial<HTMLDialogElement> | null)?.open === false) closeBar();
else if (!host.made[0]) void ask();

if (config.views) void host.load("views").catch(() => {});

const said = device.choices && attempt(() => sessionStorage.cm_saved);
if (said === "dialog") void show();
else if (said) {
  delete sessionStorage.cm_saved;
  say(said);
}

if (ownScript?.async || ownScript?.defer || document.scripts[0] !== ownScript) {
  console.warn("The consent script must be the page's first, without async or defer.");
}

resolve(decisions);
