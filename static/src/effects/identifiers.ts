// What partners call this browser, as it stands in cookies that the site declares for that. Told with a
// refusal, so that a partner knows whom to forget; read before the cookies are deleted.

import type { Identifiers } from "../core/types.ts";
import type { Device } from "../device.ts";
import { readCookies } from "../io/storage.ts";
import { deniedTags } from "./cookies.ts";

/** Of partners whose tags are refused; undefined where there are none. */
export function readIdentifiers(device: Device): Identifiers | undefined {
  const { identifiers = {} } = device.config;
  let found: Identifiers | undefined;
  for (const { needed } of deniedTags(device)) {
    const partner = needed[0]!.slice("partner:".length);
    for (const kind in identifiers[partner]) {
      const [value] = readCookies(identifiers[partner][kind]!);
      if (value) ((found ??= {})[partner] ??= {})[kind] = value;
    }
  }
  return found;
}
