// What the debug panel says, before it is drawn or copied: lines of text under headings.

export interface Line {
  /** A code, a host, the name of a value. */
  code: string;
  /** One or two words that are read first; `mark` is how they look. */
  state?: string;
  mark?: "good" | "bad";
  text: string[];
}

export interface Section {
  title: string;
  lines: Line[];
  /** Said where there is no line. */
  none: string;
}

/** Host and path. What stands in a query may be personal, and so may its names. */
export function shorten(address: string): string {
  const { host, pathname, search } = new URL(address);
  const path = pathname.length > 120 ? pathname.slice(0, 119) + "…" : pathname;
  return host + path + (search && "?…");
}

/** For a ticket. */
export const asText = (sections: Section[]): string =>
  sections
    .map(({ title, lines, none }) =>
      [
        "## " + title,
        ...lines.map(({ code, state, text }) =>
          [`- ${code}${state ? ` [${state}]` : ""}`, ...text].filter(Boolean).join("; "),
        ),
        ...(lines.length ? [] : [none]),
      ].join("\n"),
    )
    .join("\n\n");
