// The console's charts: what they read from a table, how the keyboard walks through it, how they look.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readTable, step } from "../../static/src/chart_table.ts";

const PAGE = `
<figure class="graph" id="rates" data-form="lines" data-label="Rates" data-keys="Arrow keys.">
<ul class="legend"><li><svg><path style="stroke: rgb(1, 2, 3); stroke-dasharray: 7, 5; stroke-width: 2px"/></svg></li>
<li><svg><path style="stroke: rgb(4, 5, 6); stroke-dasharray: none; stroke-width: 3px"/></svg></li></ul>
<details open><table data-drawn><thead><tr><th>Day</th><th>Analytics</th><th>Ads</th></tr></thead>
<tbody>
<tr data-day="2026-11-22" data-short="22 Nov"><th>Sun 22 Nov</th><td data-value="0.412"> 41.2% (14 / 34)</td><td data-value="">&lt;10</td></tr>
<tr data-day="2026-11-21" data-short="21 Nov"><th>Sat 21 Nov</th><td data-value="0">0.0%</td><td data-value="0.3">30.0%</td></tr>
</tbody></table></details></figure>
<ol><li data-graph="rates" data-day="2026-11-21" data-number="1"></li>
<li data-graph="rates" data-day="2026-11-21" data-number="2"></li>
<li data-graph="rates" data-day="2026-10-01" data-number="3"></li>
<li data-graph="other" data-day="2026-11-22" data-number="4"></li></ol>`;

const figure = () => document.querySelector<HTMLElement>(".graph")!;

beforeEach(() => {
  document.body.innerHTML = PAGE;
  document.documentElement.lang = "en";
});

describe("the table", () => {
  test("is read oldest day first, with its own words", () => {
    const drawing = readTable(figure())!;

    expect(drawing.names).toEqual(["Analytics", "Ads"]);
    expect(drawing.days.map((day) => day.short)).toEqual(["21 Nov", "22 Nov"]);
    expect(drawing.days[1]!.reading).toBe("Sun 22 Nov · Analytics 41.2% (14 / 34) · Ads <10");
  });

  test("nothing told is a gap and no zero; a zero is a zero", () => {
    expect(readTable(figure())!.days.map((day) => day.values)).toEqual([
      [0, 0.3],
      [0.412, null],
    ]);
  });

  test("events of one day share a line; those of other days and charts have none", () => {
    expect(readTable(figure())!.marks).toEqual([{ at: 0, label: "1, 2" }]);
  });

  test("one day alone is not drawn", () => {
    figure().querySelector("table")!.removeAttribute("data-drawn");
    expect(readTable(figure())).toBeNull();
  });
});

test.each([
  ["ArrowRight", 3, 4],
  ["ArrowRight", 9, 9],
  ["ArrowLeft", 0, 0],
  ["ArrowLeft", 5, 4],
  ["Home", 5, 0],
  ["End", 5, 9],
  ["Tab", 5, null],
  ["a", 5, null],
])("the key %s leads from day %i to %s", (key, from, to) => {
  expect(step(key, from, 10)).toBe(to);
});

// The library draws on a canvas, which this simulated page does not have.
interface Drawn {
  config: { type: string; data: { datasets: Record<string, unknown>[] }; options: Record<string, unknown> };
  canvas: HTMLCanvasElement;
  draws: number;
}
const drawn: Drawn[] = [];

vi.mock("chart.js", async (original) => {
  const real = await original<typeof import("chart.js")>();
  class Chart {
    static register = real.Chart.register.bind(real.Chart);
    scales = { x: { getValueForPixel: (x: number) => Math.round(x / 100) } };
    data: unknown;
    options: unknown;
    #drawn: Drawn;
    constructor(canvas: HTMLCanvasElement, config: Drawn["config"]) {
      this.#drawn = { config, canvas, draws: 0 };
      drawn.push(this.#drawn);
    }
    draw() {
      this.#drawn.draws += 1;
    }
    resize() {}
    update() {
      this.#drawn.config.data = this.data as Drawn["config"]["data"];
    }
  }
  // What is faked is there in the real one.
  for (const name of ["draw", "resize", "update"]) expect(real.Chart.prototype).toHaveProperty(name);
  return { ...real, Chart };
});

describe("the chart", () => {
  const scheme = new Map<string, () => void>();

  beforeEach(async () => {
    drawn.length = 0;
    scheme.clear();
    vi.stubGlobal("matchMedia", (query: string) => ({
      addEventListener: (_: string, listener: () => void) => scheme.set(query, listener),
    }));
    vi.resetModules();
    await import("../../static/src/charts.ts");
  });
  afterEach(() => dispatchEvent(new Event("afterprint")));

  const press = (key: string) => {
    const event = new KeyboardEvent("keydown", { key, cancelable: true });
    drawn[0]!.canvas.dispatchEvent(event);
    return event;
  };
  const reading = () => document.querySelector(".reading")!.textContent;

  test("folds its table away and says the newest day", () => {
    expect(document.querySelector("details")!.open).toBe(false);
    expect(reading()).toContain("Sun 22 Nov");
  });

  test("is a slider with a name, which says each day it is moved to", () => {
    const { canvas } = drawn[0]!;
    expect(canvas.tabIndex).toBe(0);
    expect(canvas.role).toBe("slider");
    expect(canvas.ariaLabel).toBe("Rates. Arrow keys.");
    expect(canvas.ariaValueNow).toBe("1");

    expect(press("ArrowLeft").defaultPrevented).toBe(true);
    expect(canvas.ariaValueNow).toBe("0");
    expect(canvas.ariaValueText).toBe("Sat 21 Nov · Analytics 0.0% · Ads 30.0%");
    expect(reading()).toBe(canvas.ariaValueText);
    expect(press("Tab").defaultPrevented).toBe(false);
  });

  test("reads what the pointer is over", () => {
    drawn[0]!.canvas.dispatchEvent(new MouseEvent("pointermove"));
    expect(reading()).toContain("Sat 21 Nov");
  });

  test("looks as its legend does, and is told apart without colour", () => {
    const [first, second] = drawn[0]!.config.data.datasets;
    expect(first).toMatchObject({ borderColor: "rgb(1, 2, 3)", borderDash: [7, 5], borderWidth: 2 });
    expect(second).toMatchObject({ borderColor: "rgb(4, 5, 6)", borderDash: [] });
    expect(first!["pointStyle"]).not.toBe(second!["pointStyle"]);
    expect(drawn[0]!.config.options["animation"]).toBe(false);
  });

  test("follows the system from light to dark", () => {
    document.querySelector("path")!.style.stroke = "rgb(9, 9, 9)";
    scheme.get("(prefers-color-scheme: dark)")!();
    expect(drawn[0]!.config.data.datasets[0]).toMatchObject({ borderColor: "rgb(9, 9, 9)" });
  });

  test("on paper tables are open and colours light, and afterwards as before", () => {
    dispatchEvent(new Event("beforeprint"));
    expect(document.querySelector("details")!.open).toBe(true);
    expect(document.documentElement.classList).toContain("on-paper");

    dispatchEvent(new Event("afterprint"));
    expect(document.querySelector("details")!.open).toBe(false);
    expect(document.documentElement.classList).not.toContain("on-paper");
  });
});
