// The console's charts, drawn from the tables in the page. Without this script the tables are what one
// reads; with it they are folded away behind their chart, and open again on paper.

import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  type ChartConfiguration,
  type ChartDataset,
  type Plugin,
  type PointStyle,
} from "chart.js";
import { readTable, step, type Drawing, type Mark } from "./chart_table.ts";

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
);

type Kind = "line" | "bar";

/** Colours of what is around the lines. */
interface Ground {
  ink: string;
  muted: string;
  line: string;
  edge: string;
  font: string;
}

interface Look {
  color: string;
  width: number;
  dash: number[];
}

/** Lines differ by their points, too. */
const POINTS: PointStyle[] = ["circle", "rect", "triangle", "rectRot", "crossRot", "star"];
/** With more days than this, points would lie upon each other. */
const MOST_POINTS = 45;

const redraws: (() => void)[] = [];

for (const figure of document.querySelectorAll<HTMLElement>(".graph")) {
  const drawing = readTable(figure);
  if (drawing) show(figure, drawing);
}

for (const query of [
  "(prefers-color-scheme: dark)",
  "(prefers-contrast: more)",
  "(forced-colors: active)",
]) {
  matchMedia(query).addEventListener("change", redrawAll);
}
let folded: HTMLDetailsElement[] = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll<HTMLDetailsElement>("details:not([open])")];
  for (const one of folded) one.open = true;
  document.documentElement.classList.add("on-paper");
  redrawAll();
});
addEventListener("afterprint", () => {
  for (const one of folded) one.open = false;
  document.documentElement.classList.remove("on-paper");
  redrawAll();
});

function redrawAll(): void {
  for (const redraw of redraws) redraw();
}

function show(figure: HTMLElement, drawing: Drawing): void {
  const place = document.createElement("div");
  place.className = "canvas";
  const canvas = document.createElement("canvas");
  const reading = document.createElement("p");
  reading.className = "reading small";
  place.append(canvas);
  const table = figure.querySelector("details")!;
  table.before(place, reading);
  table.open = false;

  const last = drawing.days.length - 1;
  let ground = readGround(figure);
  let at = last;
  let isChosen = false;
  // A slider gets the arrow keys from screen readers, too, and says its new value by itself.
  canvas.tabIndex = 0;
  canvas.role = "slider";
  canvas.ariaLabel = `${drawing.label}. ${drawing.keys}`;
  canvas.ariaValueMin = "0";
  canvas.ariaValueMax = String(last);

  const chart = new Chart<Kind, (number | null)[]>(canvas, {
    type: drawing.form === "lines" ? "line" : "bar",
    ...picture(figure, drawing, ground),
    plugins: [overlay(drawing.marks, () => [ground, isChosen ? at : null])],
  });

  function choose(to: number): void {
    at = to;
    reading.textContent = drawing.days[at]!.reading;
    canvas.ariaValueNow = String(at);
    canvas.ariaValueText = drawing.days[at]!.reading;
    chart.draw();
  }
  choose(last);

  canvas.addEventListener("keydown", (event) => {
    const to = step(event.key, at, drawing.days.length);
    if (to === null) return;
    event.preventDefault();
    isChosen = true;
    choose(to);
  });
  canvas.addEventListener("pointermove", (event) => {
    const to = chart.scales["x"]!.getValueForPixel(event.offsetX) ?? last;
    isChosen = true;
    choose(Math.max(0, Math.min(last, to)));
  });
  for (const type of ["pointerleave", "blur"]) {
    canvas.addEventListener(type, () => {
      isChosen = false;
      chart.draw();
    });
  }

  redraws.push(() => {
    ground = readGround(figure);
    const { data, options } = picture(figure, drawing, ground);
    chart.data = data;
    chart.options = options!;
    chart.resize();
    chart.update("none");
  });
}

function picture(
  figure: HTMLElement,
  drawing: Drawing,
  ground: Ground,
): Pick<ChartConfiguration<Kind, (number | null)[]>, "data" | "options"> {
  const isShare = drawing.form === "lines";
  const language = document.documentElement.lang;
  const says = new Intl.NumberFormat(language, isShare ? { style: "percent" } : {});
  const font = { family: ground.font, size: 12 };
  return {
    data: {
      labels: drawing.days.map((day) => day.short),
      datasets: drawing.names.map((name, index) => dataset(figure, drawing, name, index)),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      // Ours is what is read out and pointed at.
      events: [],
      layout: { padding: { top: drawing.marks.length ? 20 : 6, right: 8 } },
      scales: {
        x: {
          stacked: !isShare,
          border: { color: ground.edge },
          grid: { display: false },
          ticks: { color: ground.muted, font, maxRotation: 0, autoSkipPadding: 16 },
        },
        y: {
          stacked: !isShare,
          beginAtZero: true,
          border: { display: false },
          grid: { color: ground.line },
          ticks: {
            color: ground.muted,
            font,
            maxTicksLimit: 6,
            callback: (value) => says.format(Number(value)),
          },
        },
      },
    },
  };
}

function dataset(
  figure: HTMLElement,
  drawing: Drawing,
  label: string,
  index: number,
): ChartDataset<Kind, (number | null)[]> {
  const look = readLook(figure, index);
  const data = drawing.days.map((day) => day.values[index] ?? null);
  if (drawing.form === "stacks") {
    return { type: "bar", label, data, backgroundColor: look.color, categoryPercentage: 0.9, barPercentage: 1 };
  }
  return {
    type: "line",
    label,
    data,
    borderColor: look.color,
    borderDash: look.dash,
    borderWidth: look.width,
    borderCapStyle: "round",
    borderJoinStyle: "round",
    backgroundColor: look.color,
    pointStyle: POINTS[index % POINTS.length]!,
    // A day between days of which nothing may be told has no line, only its point.
    pointRadius: ({ dataIndex: at }) =>
      drawing.days.length <= MOST_POINTS || (data[at - 1] ?? data[at + 1]) == null ? 3 : 0,
  };
}

/** Draws the days of events, and the day that is read if there is one. */
function overlay(marks: Mark[], state: () => [Ground, number | null]): Plugin<Kind> {
  return {
    id: "overlay",
    afterDatasetsDraw({ ctx, scales, chartArea: { top, bottom } }) {
      const [ground, chosen] = state();
      const line = (at: number, color: string, dash: number[]): number => {
        const x = scales["x"]!.getPixelForValue(at);
        ctx.strokeStyle = color;
        ctx.lineWidth = 1;
        ctx.setLineDash(dash);
        ctx.beginPath();
        ctx.moveTo(x, top);
        ctx.lineTo(x, bottom);
        ctx.stroke();
        return x;
      };
      ctx.save();
      ctx.font = `700 12px ${ground.font}`;
      ctx.textAlign = "center";
      ctx.fillStyle = ground.ink;
      for (const { at, label } of marks) ctx.fillText(label, line(at, ground.edge, [3, 3]), top - 7);
      if (chosen !== null) line(chosen, ground.ink, []);
      ctx.restore();
    },
  };
}

/** A custom property may name others; what an element gets out of it is a colour. */
function readGround(figure: HTMLElement): Ground {
  const probe = document.createElement("span");
  figure.append(probe);
  const color = (name: string): string => {
    probe.className = `probe ${name}`;
    return getComputedStyle(probe).color;
  };
  const ground = {
    ink: color("ink"),
    muted: color("muted"),
    line: color("line-color"),
    edge: color("edge"),
    font: getComputedStyle(figure).fontFamily,
  };
  probe.remove();
  return ground;
}

/** As the legend's sample looks: style sheets alone say how. */
function readLook(figure: HTMLElement, index: number): Look {
  const sample = figure.querySelectorAll(".legend li :is(path, rect)")[index]!;
  const { fill, stroke, strokeWidth, strokeDasharray } = getComputedStyle(sample);
  const isLine = stroke !== "none";
  return {
    color: isLine ? stroke : fill,
    width: parseFloat(strokeWidth) || 2,
    dash: strokeDasharray === "none" ? [] : strokeDasharray.split(/[ ,]+/).map(parseFloat),
  };
}
