// Opens the tags, once it is sure that no stored refusal was missed: after a crash the cookie may be
// older than the second copy or the outbox.

import { merge } from "./core/merge.ts";
import type { Device } from "./device.ts";
import { announce } from "./effects/announce.ts";
import { pushToDataLayer } from "./effects/data_layer.ts";
import type { Tags } from "./effects/tags.ts";
import type { Store } from "./io/store.ts";
import { loadStored, onOtherTab } from "./io/copy.ts";

/** `tell`: the vendors, before their tags open; `changed`: something waits, or was decided elsewhere. */
export async function startDevice(
  device: Device,
  tags: Tags,
  store: Store,
  tell: () => void,
  changed: () => void,
): Promise<void> {
  const { config } = device;
  const entries = await store.all();
  const before = device.choices?.seq;
  const stored = loadStored(config);
  device.isDoubtful ||= stored === undefined;
  if (!device.isDoubtful) {
    const kept = entries.map(({ choices }) => choices);
    device.choices = [stored!, ...kept].reduce(merge, device.choices);
  } else if (!device.choices?.is_unsent) {
    // A newer refusal may be among what cannot be read: nothing else can grant meanwhile.
    device.choices = null;
  }
  if (
    device.choices?.seq !== before ||
    // What was refused may have left something in this browser.
    device.choices?.refused[0] ||
    device.gpc ||
    entries.some((entry) => !entry.is_sent)
  ) {
    changed();
  }
  device.isOpen = true;
  tell();
  tags.open();
  // A returning visitor's answer, for tag managers; a new one is pushed when it is given.
  if (device.choices) pushToDataLayer(device.choices);
  announce("ready", { choices: device.choices, decisions: device.decisions() });
  onOtherTab(() => {
    device.choices = merge(device.choices, loadStored(config) ?? null);
    tags.update();
    changed();
  });
}
