// Entry 3, once something was decided: sends what the service has not acknowledged, hears what it
// answers, and deletes what refused tags left in the browser.

import { encode } from "./core/state.ts";
import type { Choices } from "./core/types.ts";
import type { Decisions } from "./decision.ts";
import { announce } from "./effects/announce.ts";
import { deleteCookie, forgetDenied } from "./effects/cookies.ts";
import { readIdentifiers } from "./effects/identifiers.ts";
import { createApi, type ConsentBody } from "./io/api.ts";
import type { Kept } from "./io/database.ts";
import { createOutbox } from "./io/outbox.ts";
import { attempt, CHOICES, readCookies } from "./io/storage.ts";
import { createStore, SEED } from "./io/store.ts";
import { wait } from "./io/wait.ts";
import type { Part } from "./loader.ts";

export interface Send {
  /** False = the service did not answer usefully; it is tried again. */
  send(kept: Kept): Promise<boolean>;
}

const { host, resolve } = (document.currentScript as Part<Send>).cm;
const { device } = host;
const { config } = device;
const { call } = createApi(host.endpoint);
const store = createStore(config, host.made);

let act: Decisions;

type Proof = { impression?: string } | null;

const forgetSeed = () => attempt(() => localStorage.removeItem(SEED));
const isRecorded = (choices: Choices): Choices => ({ ...choices, is_unsent: false });

let isSpent = false;
const left = new Promise<never>((done) => addEventListener("pagehide", done as () => void));

/** The proof that somebody was asked, good for one decision. Where nothing was painted, it is no showing. */
async function prove({ site, notice, language }: ConsentBody): Promise<Proof> {
  const answer = !isSpent && ((isSpent = true), await host.shown);
  return answer
    ? answer.json()
    : (await call<Proof>("/v1/shown", { site, notice, language, surface: "api" })).body;
}

const outbox = createOutbox(
  async (body) =>
    call("/v1/consents", {
      ...body,
      // The service knows whom it has given a token. No other decision waits long for its proof.
      impression:
        body.device_seed &&
        (await Promise.race([prove(body), left, wait<null>(1500)]).catch(() => {}))?.impression,
      // A late decision still refuses, unless this device decided again since.
      ...(body.client_seq < (device.choices?.seq ?? 0) && { is_history: true }),
    }),
  store,
  {
    // Its answer counts, too: a linked device may have refused more.
    recorded(answer, { choices }) {
      // From here on the browser has a token.
      forgetSeed();
      const mine = device.choices;
      act.follow(mine && mine.seq > choices.seq ? mine : isRecorded(choices), answer.choices);
      if (answer.deliveries?.length) {
        attempt(() => (sessionStorage.cm_receipt = answer.receipt.key));
      }
      host.recorded?.(answer);
      return device.choices!;
    },
    // The service will not record this grant: close again; ask anew if that can help.
    dropped({ body, choices }, status) {
      // A seed that may not grant any more would be refused for ever.
      forgetSeed();
      announce("error", { code: "grant_not_recorded", status });
      if (status === 409) attempt(() => (sessionStorage.cm_retired = body.notice));
      if (device.choices && device.choices.seq > choices.seq) return;
      // It was not saved after all.
      host.root.querySelector(".cm-toast")!.textContent = "";
      act.follow({ ...isRecorded(choices), granted: [] });
    },
    stuck: (status) => announce("error", { code: "refusal_not_recorded", status }),
  },
);

async function start(): Promise<void> {
  // What came twice was not set by us.
  const [first, second] = attempt(() => readCookies(CHOICES)) ?? [];
  if (second !== undefined) deleteCookie(CHOICES);
  // Another tab may have stored something newer since this page has looked.
  if (second !== undefined || (first ?? null) !== encode(device.choices, config.ids)) {
    act.follow((second !== undefined && host.made.at(-1)?.choices) || device.choices);
  }
  const { choices } = device;
  const entries = await store.all();
  // What only the cookie knows of: the page that decided it was gone before it could be kept.
  if (choices?.is_unsent && !entries.some((entry) => entry.choices.seq === choices.seq)) {
    await host.keep(choices, choices.granted[0] ? "choose" : "refuse", config.presentation);
  }
  await forget();
}

/** What is deleted here goes with the refusal first: partners are told whom to forget. */
async function forget(): Promise<void> {
  const found = attempt(() => readIdentifiers(device));
  const refusal = found && (await store.all()).find((one) => one.refuses && !one.is_sent);
  if (refusal) {
    refusal.body.identifiers = { ...refusal.body.identifiers, ...found };
    await store.replace(refusal.idempotency_key, refusal);
  }
  forgetDenied(device);
}

void host.act().then((found) => {
  act = found;
  let forgotten = start();
  host.forget = () => void (forgotten = forget());
  resolve({
    async send({ idempotency_key: key }) {
      await forgotten;
      const entry = (await store.all()).find((one) => one.idempotency_key === key);
      // What is not there any more was sent meanwhile.
      return !entry || outbox.send(entry);
    },
  });
  void forgotten.then(outbox.flush);
});
