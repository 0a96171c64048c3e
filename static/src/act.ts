// Entry 2, as soon as the first layer is painted: takes decisions, keeps them and sends them.

import { createDecisions, type Decisions } from "./decision.ts";
import { announce } from "./effects/announce.ts";
import { createApi, type Api } from "./io/api.ts";
import { createOutbox } from "./io/outbox.ts";
import { createStore } from "./io/store.ts";
import type { Part } from "./loader.ts";

export interface Act extends Pick<Decisions, "record" | "adopt"> {
  api: Api;
  /** Follow choices that came from elsewhere, and send what waits. */
  catchUp(): void;
}

const { host, resolve } = (document.currentScript as Part<Act>).cm;
const { device } = host;
const api = createApi(host.endpoint);
const store = createStore(host.database);
const decisions = createDecisions(host, store, () => outbox);
const outbox = createOutbox(
  (body) =>
    api.call(
      "/v1/consents",
      // A late decision still refuses, unless this device decided again since.
      body.client_seq < (device.choices?.seq ?? 0) ? { ...body, is_history: true } : body,
    ),
  store,
  {
    recorded: decisions.confirm,
    dropped: decisions.takeBack,
    stuck: (status) => announce("error", { code: "refusal_not_recorded", status }),
  },
);

function catchUp(): void {
  // A decision that waited for this script goes first: it must be kept before a reload.
  setTimeout(decisions.catchUp);
  void outbox.flush();
}

resolve({ api, record: decisions.record, adopt: decisions.adopt, catchUp });
// What waits to be sent, the loader has found; it asks for that.
setTimeout(decisions.catchUp);
