// What a chart's table says: the script that draws it has no other numbers.

export interface Day {
  iso: string;
  /** As the axis says it. */
  short: string;
  /** Shares or people; null where nothing may be told. */
  values: (number | null)[];
  /** The day and its numbers, in the table's own words. */
  reading: string;
}

export interface Mark {
  /** Which day, counted from the oldest. */
  at: number;
  /** The numbers that the day's events have in their list. */
  label: string;
}

export interface Drawing {
  form: "lines" | "stacks";
  label: string;
  keys: string;
  names: string[];
  /** Oldest first. */
  days: Day[];
  marks: Mark[];
}

/** Read a figure; null if its table is not to be drawn. */
export function readTable(figure: HTMLElement): Drawing | null {
  const table = figure.querySelector<HTMLTableElement>("table[data-drawn]");
  if (!table) return null;
  const names = [...table.tHead!.rows[0]!.cells].slice(1).map((cell) => words(cell));
  const days = [...table.tBodies[0]!.rows].map((row) => readDay(row, names)).reverse();
  return {
    form: figure.dataset.form as Drawing["form"],
    label: figure.dataset.label!,
    keys: figure.dataset.keys!,
    names,
    days,
    marks: readMarks(figure, days),
  };
}

/** The day that a key leads to; null if the key is none of ours. */
export function step(key: string, from: number, days: number): number | null {
  const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: days - 1 }[key];
  return to === undefined ? null : Math.max(0, Math.min(days - 1, to));
}

function readDay(row: HTMLTableRowElement, names: string[]): Day {
  const [head, ...cells] = [...row.cells];
  return {
    iso: row.dataset.day!,
    short: row.dataset.short!,
    values: cells.map(({ dataset: { value } }) => (value ? Number(value) : null)),
    reading: [words(head!), ...cells.map((cell, at) => `${names[at]} ${words(cell)}`)].join(" · "),
  };
}

function readMarks(figure: HTMLElement, days: Day[]): Mark[] {
  const byDay = new Map<number, string[]>();
  const events = document.querySelectorAll<HTMLElement>(`[data-graph="${figure.id}"]`);
  for (const { dataset } of events) {
    const at = days.findIndex((day) => day.iso === dataset.day);
    if (at >= 0) byDay.set(at, [...(byDay.get(at) ?? []), dataset.number!]);
  }
  return [...byDay].map(([at, numbers]) => ({ at, label: numbers.join(", ") }));
}

const words = (cell: HTMLElement): string => cell.textContent!.trim();
