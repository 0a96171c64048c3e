// Whose address is this? Tags declare the hosts that they ask: `tags.example`, `*.tags.example` (not
// `tags.example` itself, as in a Content-Security-Policy), either with a port to mean that one alone.

function matches(pattern: string, url: URL): boolean {
  // A name may be written with the root's dot; it stays the same host.
  const name = url.hostname.replace(/\.$/, "");
  return [name, name + ":" + url.port].some((host) =>
    pattern[0] === "*" ? host.endsWith(pattern.slice(1)) : host === pattern,
  );
}

/** Codes of the tags that declare the address's host most exactly; none = it is undeclared. */
export function tagOf(hosts: Record<string, string[]>, url: URL): string[] {
  let longest = 0;
  let found: string[] = [];
  for (const [code, patterns] of Object.entries(hosts)) {
    for (const pattern of patterns) {
      const length = pattern.replace("*", "").length;
      if (length < longest || !matches(pattern.toLowerCase(), url)) continue;
      if (length > longest) found = [];
      longest = length;
      if (!found.includes(code)) found.push(code);
    }
  }
  return found;
}
