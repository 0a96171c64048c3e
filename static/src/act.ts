// Entry 2, at once where something may open, else when the first layer is painted: makes sure of what
// was decided, opens the tags, takes decisions, keeps them and sends them.

import { createDecisions, type Decisions } from "./decision.ts";
import { announce } from "./effects/announce.ts";
import { watchTags } from "./effects/tags.ts";
import { createApi, type Api } from "./io/api.ts";
import { createOutbox } from "./io/outbox.ts";
import { copyScript } from "./io/copy_script.ts";
import { scriptFor } from "./io/script.ts";
import { createStore, type Store } from "./io/store.ts";
import type { Part } from "./loader.ts";
import { startDevice } from "./start.ts";

export interface Act extends Pick<Decisions, "record" | "adopt"> {
  api: Api;
  /** The tags are open: nothing that was stored was missed. */
  ready: Promise<void>;
  store: Store;
  /** Tags that put a script on this page. */
  ran: Set<string>;
}

const { host, resolve } = (document.currentScript as Part<Act>).cm;
const { device } = host;
const { config } = device;
const api = createApi(host.endpoint);
const store = createStore();

const tags = watchTags({
  decide: device.decide,
  scriptFor(code) {
    const address = config.tags[code]?.loader_url;
    return address ? scriptFor(address) : null;
  },
  copyScript,
  reserve: host.reserve,
  release: host.release,
  placeholder: (place, code, decision, openOnce) =>
    void host
      .later()
      .then((more) =>
        more.placeholder(place, code, decision, () => {
          device.once.add(code);
          host.tell();
          openOnce();
        }),
      )
      .catch(() => {}),
  report: (tag, decision) => announce("tag", { tag, ...decision }),
});

const decisions = createDecisions(host, tags, store, () => outbox);
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

resolve({
  api,
  store,
  ran: tags.ran,
  record: decisions.record,
  adopt: decisions.adopt,
  ready: startDevice(device, tags, store, host.tell, () => {
    // Refused on an earlier page, before anything could record it.
    if (device.choices?.is_unsent && !host.isAnswering) {
      void decisions.record("refuse", false, config.presentation);
    }
    decisions.catchUp();
    void outbox.flush();
    host.changed();
  }),
});
