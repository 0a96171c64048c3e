// The console's editor of a notice's words: keeps what is written, and shows the banner with it. The
// form does the same without this script, with a press on "Save".

interface Answer {
  problem?: string;
  revision: number;
  stops: string;
  is_stopped: boolean;
  lines: Record<string, { built_in: string; findings: string[] }>;
}

const REST_MS = 900;
const AGAIN_MS = 5000;

const form = document.querySelector<HTMLFormElement>("#editor")!;
const problem = document.querySelector<HTMLElement>("#problem")!;
const state = document.querySelector<HTMLElement>("#state")!;
const stops = document.querySelector<HTMLElement>("#stops")!;
const revision = form.elements.namedItem("revision") as HTMLInputElement;

let timer = 0;
let isSaving = false;
let isUnsaved = false;
/** Somebody else was first: only a person can tell whose words are right. */
let isStuck = false;
const touched = new Set<string>();

function later(wait: number): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => void save(), wait);
}

async function save(): Promise<void> {
  if (isSaving || isStuck || !isUnsaved) return;
  isSaving = true;
  isUnsaved = false;
  state.textContent = form.dataset.saving!;
  const languages = new Set(touched);
  touched.clear();
  try {
    const response = await fetch(location.href, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form) as unknown as Record<string, string>),
    });
    const answer = (await response.json()) as Answer;
    if (answer.problem) refuse(answer.problem, response.status === 409);
    else keep(answer, languages);
  } catch {
    // Signed out, or no connection: what was written stays in the form.
    isUnsaved = true;
    state.textContent = form.dataset.unsaved!;
    later(AGAIN_MS);
  }
  isSaving = false;
  if (isUnsaved) later(REST_MS);
}

function refuse(text: string, isForGood: boolean): void {
  problem.textContent = text;
  problem.hidden = false;
  state.textContent = form.dataset.unsaved!;
  isStuck = isForGood;
}

function keep(answer: Answer, languages: Set<string>): void {
  problem.hidden = true;
  revision.value = String(answer.revision);
  stops.textContent = answer.stops;
  stops.className = `mark ${answer.is_stopped ? "rejected" : "good"}`;
  if (!isUnsaved) state.textContent = form.dataset.saved!;
  for (const [name, line] of Object.entries(answer.lines)) {
    const notes = document.getElementById(`${name}-notes`)!;
    const builtIn = notes.querySelector(".built-in");
    notes.replaceChildren(
      ...line.findings.map((text) => {
        const note = document.createElement("p");
        note.className = "bad";
        note.textContent = text;
        return note;
      }),
      ...(builtIn && line.built_in ? [builtIn] : []),
    );
  }
  for (const frame of document.querySelectorAll<HTMLIFrameElement>(".preview iframe")) {
    const language = frame.src.split("/").at(-2)!;
    if (languages.has(language)) frame.src = frame.getAttribute("src")!;
  }
}

form.addEventListener("input", ({ target }) => {
  const { lang } = target as HTMLTextAreaElement;
  if (lang) touched.add(lang);
  isUnsaved = true;
  if (isStuck) return;
  state.textContent = form.dataset.unsaved!;
  later(REST_MS);
});
form.addEventListener("submit", () => {
  isUnsaved = false;
});
addEventListener("beforeunload", (event) => {
  if (isUnsaved || isSaving) event.preventDefault();
});
