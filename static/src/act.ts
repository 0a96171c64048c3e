// Entry 2, at once where something may open, else when somebody is about to press: opens and closes
// tags, takes decisions, asks again, shows the way to the preferences.

import { answerAll } from "./core/state.ts";
import type { Choices } from "./core/types.ts";
import { createDecisions, type Decisions } from "./decision.ts";
import { now } from "./device.ts";
import { watchTags } from "./effects/tags.ts";
import { ownScript } from "./io/script.ts";
import { attempt } from "./io/storage.ts";
import { wait } from "./io/wait.ts";
import type { Later, Question } from "./later.ts";
import type { Part } from "./loader.ts";
import type { ConsentManager } from "./page_api.ts";
import { button, el } from "./ui/nodes.ts";

export interface Act extends Decisions {
  /** The first layer was answered: all of it, or the question that it asked. */
  press(isGranted: boolean, refused: Choices | null, question?: Question): void;
  show: ConsentManager["show"];
  /** `isByPerson`: it was asked for by a tap or a key. Only then may it grant. */
  set(
    maps: Parameters<ConsentManager["set"]>[0],
    isByPerson: boolean,
  ): ReturnType<ConsentManager["set"]>;
}

const { host, resolve } = (document.currentScript as Part<Act>).cm;
const { device, later, load, release, reserve, root, tell } = host;
const { config } = device;
const { presentation: surface } = config;
const page = document.documentElement;

const tags = watchTags(device, {
  reserve,
  release,
  placeholder: (place, code, decision, openOnce) =>
    void later()
      .then((more) =>
        more.placeholder(place, code, decision, () => {
          device.once.add(code);
          tell();
          openOnce();
        }),
      )
      .catch(() => {}),
  inOrder: (...all) => host.sure<Later>("later").then((more) => more.inOrder(...all)),
});
host.ran = tags.ran;
const decisions = createDecisions(host, tags);

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
  if (!device.isAsking()) closeBar();
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

function closeBar(): void {
  const { bar } = host;
  const hadFocus = bar?.contains(root.activeElement);
  bar?.remove();
  host.bar = null;
  float();
  // Leading the keyboard there lays the page out, which what was allowed need not wait for.
  if (hadFocus) requestAnimationFrame(() => corner.focus());
}

let asking = 0;
/** Ask what there is to ask, or take the question away. */
async function ask(): Promise<void> {
  const turn = ++asking;
  // A notice that the service has retired can get no grant: ask about that once in a tab.
  const isRetired = () =>
    device.choices && attempt(() => sessionStorage.cm_retired) == config.notice;
  const isAsking = () => surface !== "link" && device.isAsking() && !isRetired();
  if (!isAsking()) return closeBar();
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
  float();
}
host.changed = () => void ask();

async function show(): Promise<void> {
  try {
    const open = load<() => Promise<void>>("preferences").then((mount) => mount());
    // A service that hangs is away, too.
    await Promise.race([open, wait(8000).then(() => Promise.reject())]);
  } catch {
    // Refusing must stay possible without the service: the first layer can do it alone.
    host.draw(host.wording.offline_note);
    float();
  }
}

root.append(corner, toast);
resized.observe(corner);
float();
if (host.bar?.isConnected === false) closeBar();
void ask();

const said = device.choices && attempt(() => sessionStorage.cm_saved);
if (said === "dialog") void show();
else if (said) {
  delete sessionStorage.cm_saved;
  say(said);
}

if (ownScript?.async || ownScript?.defer || document.scripts[0] !== ownScript) {
  console.warn("The consent script must be the page's first, without async or defer.");
}

resolve({
  ...decisions,
  async press(isGranted, refused, question) {
    const outcome = question?.answer
      ? await question.answer(isGranted)
      : decisions.commit(
          refused ?? answerAll(config, device.choices, isGranted, device.gpc, now()),
          isGranted ? "allow" : "refuse",
          surface,
        );
    closeBar();
    host.decided(outcome);
  },
  show,
  set: async (maps, isByPerson) => (await later()).set(maps, isByPerson),
});
