// Deletes what a tag left in this browser, once it may not run any more.

import type { Decision, SiteTag } from "../core/types.ts";
import type { Device } from "../device.ts";
import { attempt } from "../io/storage.ts";

/** Exact name, or everything that starts with it when it ends in `*`. */
export const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

export function deleteCookie(name: string): void {
  // A script cannot see where a cookie was set, so every domain and path level is tried.
  const domains = location.hostname.split(".").map((_, i, all) => ";Domain=" + all.slice(i).join("."));
  const parts = location.pathname.split("/");
  const paths = parts.flatMap((_, i) => {
    const path = parts.slice(0, i + 1).join("/");
    return [path, path + "/"];
  });
  attempt(() => {
    for (const domain of ["", ...domains]) {
      for (const path of paths) document.cookie = `${name}=;Max-Age=0;Path=${path}${domain}`;
    }
  });
}

/** Forget `stopped`, except for names that a tag which still runs declares too. */
export function forget(stopped: SiteTag[], running: SiteTag[]): void {
  const forgetAll = (
    kind: "cookies" | "storage_keys",
    names: string[],
    remove: (name: string) => void,
  ) => {
    const declares = (name: string) => (tag: SiteTag) =>
      tag[kind]?.some((pattern) => matches(pattern, name));
    for (const name of names) {
      if (stopped.some(declares(name)) && !running.some(declares(name))) remove(name);
    }
  };
  if (!stopped.length) return;
  // Storage that cannot be read holds nothing for the tag either.
  attempt(() => {
    const names = document.cookie.split(/; */).map((pair) => pair.split("=")[0]!);
    forgetAll("cookies", names, deleteCookie);
    for (const storage of [localStorage, sessionStorage]) {
      forgetAll("storage_keys", Object.keys(storage), (key) => storage.removeItem(key));
    }
  });
}

const having = ({ config, decisions }: Device, test: (decision: Decision) => boolean) =>
  Object.entries(decisions())
    .filter(([, decision]) => test(decision))
    .map(([code]) => config.tags[code]!);

/** Tags that are refused, or that the browser's signal shuts. */
export const deniedTags = (device: Device): SiteTag[] =>
  having(device, ({ reason }) => /_refused$|^browser_signal$/.test(reason));

/** Forget what those left. */
export const forgetDenied = (device: Device): void =>
  forget(
    deniedTags(device),
    having(device, ({ allowed }) => allowed),
  );
