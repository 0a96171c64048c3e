// Deletes what a tag left in this browser, once it may not run any more.

import type { SiteTag } from "../core/types.ts";

/** Exact name, or everything that starts with it when it ends in `*`. */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

export function deleteCookie(name: string): void {
  // A script cannot see where a cookie was set, so every domain and path level is tried.
  const domains = [""];
  const labels = location.hostname.split(".");
  for (let i = 0; i < labels.length; i++) domains.push(";Domain=" + labels.slice(i).join("."));
  const paths = ["/"];
  let path = "";
  for (const part of location.pathname.split("/").filter(Boolean)) {
    path += "/" + part;
    paths.push(path, path + "/");
  }
  for (const domain of domains) {
    for (const path of paths) document.cookie = `${name}=;Max-Age=0;Path=${path}${domain}`;
  }
}

/** Forget `stopped`, except for names that a tag which still runs declares too. */
export function forget(stopped: SiteTag[], running: SiteTag[]): void {
  const doomed = (kind: "cookies" | "storage_keys", name: string) =>
    stopped.some((tag) => tag[kind].some((pattern) => matches(pattern, name))) &&
    !running.some((tag) => tag[kind].some((pattern) => matches(pattern, name)));
  try {
    for (const pair of document.cookie.split(/; */)) {
      const name = pair.split("=")[0]!;
      if (doomed("cookies", name)) deleteCookie(name);
    }
    for (const storage of [localStorage, sessionStorage]) {
      for (const key of Object.keys(storage)) {
        if (doomed("storage_keys", key)) storage.removeItem(key);
      }
    }
  } catch {
    // Storage that cannot be read holds nothing for the tag either.
  }
}
