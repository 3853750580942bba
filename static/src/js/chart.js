// Series over time: few lines, each named at its end, in the operator's zone; the table beneath stays the truth.
import uPlot from "uplot";

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const zone = document.documentElement.dataset.zone || "UTC";
const language = document.documentElement.lang || "en";
const DAY = 86_400;
const NARROW = 480; // pixels
const EDGE = 28; // half of a label beneath the last point

function timeFormat(span) {
  const parts = span > 2 * DAY ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const format = new Intl.DateTimeFormat(language, { ...parts, timeZone: zone });
  return (seconds) => format.format(new Date(seconds * 1000));
}

const compact = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat(language);

function options(figure, times, lines, size) {
  const asTime = timeFormat(times.at(-1) - times[0]);
  const axis = { stroke: token("--ink-2"), font: "12px Inter Variable, system-ui, sans-serif", ticks: { show: false } };
  return {
    ...size,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    legend: { show: false },
    padding: [12, (plot) => (named(plot) ? Math.max(EDGE, ...lines.map((line) => widthOf(line.label) + 10)) : EDGE), 0, 0],
    scales: { x: isBars(figure) ? { range: (_plot, min, max) => [min - step(times) / 2, max + step(times) / 2] } : {}, y: { range: (_plot, _min, max) => [0, Math.max(4, max * 1.08)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 28, space: 72, values: (_plot, splits) => splits.map(asTime) },
      { ...axis, grid: { stroke: token("--line"), width: 1 }, size: 44, space: 44, values: (_plot, splits) => splits.map((value) => (Number.isInteger(value) ? compact.format(value) : "")) },
    ],
    series: [{}, ...lines.map((line, index) => style(figure, line, index))],
    hooks: { draw: [(plot) => label(figure, plot, lines)], setCursor: [(plot) => readout(figure, plot, times, lines)] },
  };
}

/** Beside a narrow plot there is no room for names, and bars end anywhere; the key above has them. */
const named = ({ width, root }) => width >= NARROW && !root.closest('[data-kind="bars"]');

function widthOf(text) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = "600 12px Inter Variable, system-ui, sans-serif";
  return Math.ceil(context.measureText(text).width);
}

const isBars = (figure) => figure.dataset.kind === "bars";

/** Seconds from one moment to the next; an hour where there is one only. */
const step = (times) => (times.length > 1 ? times[1] - times[0] : 3600);

/** Counts of a step are bars, the later series a narrower one inside; what stays until it changes is a stair. */
function style(figure, line, index) {
  const colour = token(`--chart-${index + 1}`);
  if (isBars(figure)) return { label: line.label, stroke: colour, width: 0, fill: index ? colour : `${colour}59`, paths: uPlot.paths.bars({ size: [index ? 0.4 : 0.8, 36] }), points: { show: false } };
  const stair = figure.dataset.kind === "steps" ? { paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } } : {};
  const filled = index === 0;
  return { label: line.label, stroke: colour, width: 1.75, points: { show: line.values.length === 1 }, fill: filled ? `${colour}1f` : undefined, dash: index ? [6, 3].map((part) => part + index) : undefined, ...stair };
}

/** The line's name at its last point; names that would overlap are moved apart. */
function label(figure, plot, lines) {
  const over = plot.over;
  over.querySelectorAll(".chart-label").forEach((old) => old.remove());
  if (!named(plot)) return;
  const places = lines.map((line, index) => {
    const last = line.values.findLastIndex((value) => value !== null);
    return { line, index, top: plot.valToPos(line.values[last] ?? 0, "y") };
  }).sort((a, b) => a.top - b.top);
  let floor = -16;
  for (const place of places) place.top = floor = Math.max(place.top - 8, floor + 16);
  const below = Math.max(0, floor + 8 - over.clientHeight);
  for (const { line, index, top } of places) {
    const text = document.createElement("span");
    text.className = `chart-label ink-${index + 1}`;
    text.textContent = line.label;
    text.style.top = `${top - below}px`;
    text.style.left = `${over.clientWidth + 6}px`;
    over.append(text);
  }
}

function readout(figure, plot, times, lines) {
  const at = plot.cursor.idx;
  const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23", timeZone: zone });
  figure.querySelector(".chart-readout").textContent = at == null ? "" :
    [format.format(new Date(times[at] * 1000)), ...lines.map((line) => `${line.label} ${plain.format(line.values[at] ?? 0)}`)].join(" · ");
}

function draw(figure) {
  const box = figure.querySelector(".chart-plot");
  const times = JSON.parse(figure.dataset.times);
  const lines = JSON.parse(figure.dataset.series);
  if (times.length === 0) return;
  box.hidden = false;
  figure.querySelector(".chart-readout").hidden = false;
  figure.querySelector("details.twin").open = false;
  const size = () => ({ width: box.clientWidth, height: box.clientHeight });
  const make = () => new uPlot(options(figure, times, lines, size()), [times, ...lines.map((line) => line.values)], box);
  let plot = make();
  new ResizeObserver(() => plot.setSize(size())).observe(box);
  const redraw = () => { plot.destroy(); plot = make(); };
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
}

const drawn = new WeakSet();
function drawAll() {
  for (const figure of document.querySelectorAll('[data-behaviour~="chart"]')) {
    if (drawn.has(figure)) continue;
    drawn.add(figure);
    draw(figure);
  }
}

drawAll();
document.addEventListener("htmx:load", drawAll);
