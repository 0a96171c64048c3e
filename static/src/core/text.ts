// Wording with places to fill in.

/** Fill `{name}` in a wording. */
export const fill = (text: string | undefined, values: Record<string, string | number>): string =>
  (text ?? "").replace(/\{(\w+)\}/g, (all, name: string) => "" + (values[name] ?? all));
