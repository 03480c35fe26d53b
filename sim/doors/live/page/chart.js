// Draws curves along one lever as SVG. Not here: where the numbers come from, what happens when one points at them.

const NS = "http://www.w3.org/2000/svg";
const LETTER = 7.1; // width of a letter of the charts' type, in pixels, on the safe side

// The markers of sim/questions/charts/style.py, as paths within -5 ... 5: o s ^ D v P X <
export const MARKS = [
  "M-4.6 0a4.6 4.6 0 1 0 9.2 0a4.6 4.6 0 1 0 -9.2 0Z",
  "M-4.2 -4.2H4.2V4.2H-4.2Z",
  "M0 -5L5 4.2H-5Z",
  "M0 -5.4L5.4 0L0 5.4L-5.4 0Z",
  "M0 5L5 -4.2H-5Z",
  "M-1.8 -5H1.8V-1.8H5V1.8H1.8V5H-1.8V1.8H-5V-1.8H-1.8Z",
  "M-5 -2.6L-2.6 -5L0 -2.4L2.6 -5L5 -2.6L2.4 0L5 2.6L2.6 5L0 2.4L-2.6 5L-5 2.6L-2.4 0Z",
  "M-5 0L4.2 -5V5Z",
];

/** Make an element of SVG. */
export function svg(name, attributes = {}, text) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Write a number plainly: so many significant digits, the whole part kept, no exponent. */
export function plain(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(value)));
  if (size < -6 || size > 14) return value.toExponential(digits - 1);
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.max(0, digits - 1 - size) });
}

const ONE = { nodes: "node", engineers: "engineer" };

/** Write a number with its unit: 1 node, 2 nodes, cv 1. */
export function amount(value, unit, digits = 3) {
  const said = plain(value, digits);
  return unit === "cv" ? `cv ${said}` : `${said} ${said === "1" ? (ONE[unit] ?? unit) : unit}`;
}

/** Name a lever with its unit, once. */
export const titled = ({ label, unit }) => (label.includes(unit) ? label : `${label}, ${unit}`);

/** Choose round numbers between two ends: at most so many. */
export function ticks(low, high, log, most) {
  if (log && high / low >= 2.5) {
    for (const steps of [[1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
        for (const step of steps) found.push(Number(`${step}e${e}`));
      const inside = found.filter((x) => x >= low * 0.9999 && x <= high * 1.0001);
      if (inside.length <= most) return inside.length > 2 ? inside : ticks(low, high, false, most);
      if (steps.length === 1) return inside.filter((_, k) => k % Math.ceil(inside.length / most) === 0);
    }
  }
  const rough = (high - low) / Math.max(1, most - 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((each) => each * power >= rough * 0.9999) * power;
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high * (1 + 1e-9); k++)
    found.push(Number((k * step).toPrecision(12)));
  return found;
}

/** A scale from values to pixels. */
export function scale(low, high, from, to, log) {
  const f = log ? Math.log : (x) => x;
  const [a, b] = [f(low), f(high)];
  const span = b - a || 1;
  const at = (value) => from + ((f(value) - a) / span) * (to - from);
  at.back = (pixel) => (log ? Math.exp : (x) => x)(a + ((pixel - from) / (to - from)) * span);
  return at;
}

/** Find the ends of the axis of y: round, so that it stands still while the curves move a little. */
function reach(series) {
  const able = (values, each) => (values ?? []).filter((y, k) => y !== null && Number.isFinite(y) && each.eligible[k]);
  const middles = series.flatMap((each) => able(each.middle, each));
  const all = series.flatMap((each) => [each.middle, each.low, each.high, each.mean].flatMap((ys) => able(ys, each)));
  all.push(...series.filter((each) => each.able && Number.isFinite(each.here ?? NaN)).map((each) => each.here));
  if (!all.length) return { low: 0, high: 1, log: false };
  const log = middles.length > 0 && Math.min(...middles) > 0 && Math.max(...all) / Math.min(...middles) >= 3;
  const shown = log ? all.filter((y) => y > 0) : all;
  const [least, most] = [Math.min(...shown), Math.max(...shown)];
  if (log) return { low: stepped(least * 0.97, -1), high: stepped(most * 1.03, 1), log };
  const steps = ticks(Math.min(0, least), most || 1, false, 6);
  const step = steps[1] - steps[0] || 1;
  return { low: Math.min(0, Math.floor(least / step) * step), high: Math.ceil((most || 1) / step + 0.05) * step, log };
}

/** Round outwards to 1, 1.5, 2, 3, 5 or 7 times a power of ten. */
function stepped(value, way) {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 1.5, 2, 3, 5, 7, 10];
  const over = value / power;
  return power * (way > 0 ? steps.find((s) => s >= over - 1e-9) : steps.findLast((s) => s <= over + 1e-9));
}

/** Move labels apart so that none covers another; they stay in order, and within the ends. */
function apart(labels, gap, top, bottom) {
  labels.sort((a, b) => a.want - b.want);
  let y = top - gap;
  for (const label of labels) y = label.y = Math.max(label.want, y + gap);
  let limit = bottom + gap;
  for (const label of labels.toReversed()) limit = label.y = Math.min(label.y, limit - gap);
  return labels;
}

/** Join points to a path; null lifts the pen. */
function path(xs, ys) {
  let text = "",
    pen = "M";
  for (let k = 0; k < xs.length; k++) {
    if (ys[k] === null) {
      pen = "M";
      continue;
    }
    text += `${pen}${xs[k].toFixed(1)} ${ys[k].toFixed(1)}`;
    pen = "L";
  }
  return text;
}

/** Cut a curve into stretches where both ends are known. */
function stretches(known) {
  const found = [];
  for (let k = 0, from = null; k <= known.length; k++) {
    if (k < known.length && known[k]) from ??= k;
    else if (from !== null) {
      found.push([from, k - 1]);
      from = null;
    }
  }
  return found;
}

/** Shorten a name to so many pixels. */
function fitted(text, pixels) {
  const letters = Math.max(3, Math.floor(pixels / LETTER));
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

/**
 * Draw the curves of all plans, in so many pixels.
 *
 * chart: {x, log, now, low, high, label, unit, series, cheapest, crossings, axis}; a series has slot (its colour), name,
 * eligible, middle, and where they are known low, high, mean; here: its value at `now`.
 * Returns the scale of x, so that who points at the chart can be understood.
 */
export function draw(target, width, height, chart) {
  const names = Math.max(...chart.series.map((each) => each.name.length), 3) * LETTER + 26;
  const ribbon = chart.cheapest ? 44 : 12;
  const box = { left: 58, right: width - Math.min(names, width * 0.27), top: ribbon, bottom: height - 44 };
  const { low, high, log } = reach(chart.series);
  const X = scale(chart.low, chart.high, box.left, box.right, chart.log);
  const onto = scale(low, high, box.bottom, box.top, log);
  const Y = (value) => onto(log ? Math.max(value, low / 10) : value); // nothing costs: below the axis, and clipped
  const xs = chart.x.map(X);
  const all = document.createDocumentFragment();
  const add = (name, attributes, text) => all.appendChild(svg(name, attributes, text));
  frame(add, chart, box, X, Y, { low, high, log });
  const size = { x: box.left - 6, y: box.top - 6, width: box.right - box.left + 12, height: box.bottom - box.top + 12 };
  add("clipPath", { id: `${target.id}-clip` }).append(svg("rect", size));
  unable(add, chart, box, X);
  const inside = add("g", { "clip-path": `url(#${target.id}-clip)` });
  const within = (name, attributes) => inside.appendChild(svg(name, attributes));
  for (const each of chart.series) bands(within, each, xs, Y);
  for (const each of chart.series) lines(within, each, xs, Y);
  if (chart.cheapest) cheapest(add, chart, box, X, Y);
  marker(add, chart, box, X, Y);
  labels(add, chart, box, xs, Y, width);
  if (chart.cheapest) refuse(add, chart, box, xs, Y);
  target.setAttribute("viewBox", `0 0 ${width} ${height}`);
  target.replaceChildren(all);
  return { X, Y, box, height };
}

/** The grid, the ticks in plain numbers, the words of the axes. */
function frame(add, chart, box, X, Y, y) {
  const roomy = box.right - box.left;
  const pattern = add("defs", {}).appendChild(
    svg("pattern", {
      id: "hatch",
      width: 7,
      height: 7,
      patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)",
    }),
  );
  pattern.appendChild(svg("path", { d: "M0 0V7", class: "hatch" }));
  for (const tick of ticks(y.low, y.high, y.log, Math.max(4, Math.floor((box.bottom - box.top) / 28)))) {
    const at = Y(tick);
    add("path", { d: `M${box.left} ${at.toFixed(1)}H${box.right}`, class: "grid" });
    add("text", { x: box.left - 9, y: at + 4, "text-anchor": "end" }, plain(tick));
  }
  let free = -Infinity;
  const chip = chipped(chart, box, X);
  for (const tick of ticks(chart.low, chart.high, chart.log, Math.max(3, Math.floor(roomy / 62)))) {
    const at = X(tick),
      text = plain(tick),
      half = (text.length * LETTER) / 2;
    add("path", { d: `M${at.toFixed(1)} ${box.bottom}v5`, class: "axis" });
    if (
      at - half < free ||
      (chip && at + half > chip.middle - chip.half - 4 && at - half < chip.middle + chip.half + 4)
    )
      continue;
    free = at + half + 8;
    add("text", { x: at, y: box.bottom + 18, "text-anchor": "middle" }, text);
  }
  add("path", { d: `M${box.left} ${box.bottom}H${box.right}`, class: "axis" });
  add("text", { x: (box.left + box.right) / 2, y: box.bottom + 37, "text-anchor": "middle" }, chart.label);
}

/** Hatch where a plan cannot do the work. */
function unable(add, chart, box, X) {
  chart.gaps = [];
  for (const each of chart.series) {
    for (const [from, to] of stretches(each.eligible.map((able) => able === false))) {
      const edge = (k, other) =>
        k < 0 || k >= chart.x.length ? X(chart.x[other]) : (X(chart.x[k]) + X(chart.x[other])) / 2;
      const [a, b] = [Math.max(box.left, edge(from - 1, from)), Math.min(box.right, edge(to + 1, to))];
      if (b - a < 2) continue;
      chart.gaps.push({ name: each.name, slot: each.slot, a, b });
    }
  }
  const drawn = new Set();
  for (const { a, b } of chart.gaps) {
    const key = `${a.toFixed(0)} ${b.toFixed(0)}`;
    if (drawn.has(key)) continue;
    drawn.add(key);
    add("rect", { x: a, y: box.top, width: b - a, height: box.bottom - box.top, class: "unable" });
  }
}

/** Say in words what the hatching means, where no line runs. */
function refuse(add, chart, box, xs, Y) {
  const taken = [];
  for (const { name, a, b } of chart.gaps) {
    const text = `${name} cannot do the work`,
      pixels = text.length * LETTER;
    const fits = b - a > pixels + 12,
      right = fits ? (a + b + pixels) / 2 : Math.max(b - 6, box.left + pixels);
    const [from, to] = [right - pixels, right];
    const free = (y) =>
      taken.every((other) => Math.abs(other - y) > 16) &&
      chart.series.every((each) =>
        [each.middle, each.mean, each.high, each.low].every(
          (ys) =>
            !ys ||
            xs.every((x, k) => x < from - 20 || x > to + 20 || ys[k] === null || Math.abs(Y(ys[k]) - y + 4) > 12),
        ),
      );
    const rows = [];
    for (let y = box.top + 34; y < box.bottom - 6; y += 9) rows.push(y);
    const y =
      rows.find(free) ??
      rows.toReversed().find((row) => taken.every((other) => Math.abs(other - row) > 16)) ??
      box.bottom - 9;
    taken.push(y);
    add("text", { x: right, y, "text-anchor": "end", class: "halo" }, text);
  }
}

/** The band from p5 to p95, with thin edges, for colour alone does not survive grey print. */
function bands(add, each, xs, Y) {
  if (!each.low || !each.high) return;
  for (const [from, to] of stretches(
    xs.map((_, k) => each.eligible[k] && each.low[k] !== null && each.high[k] !== null),
  )) {
    const over = xs.slice(from, to + 1),
      up = each.high.slice(from, to + 1).map(Y),
      down = each.low.slice(from, to + 1).map(Y);
    const around = path([...over, ...over.toReversed()], [...up, ...down.toReversed()]);
    add("path", { d: `${around}Z`, class: `tail p${each.slot}${each.many ? " many" : ""}` });
    add("path", { d: path(over, up) + path(over, down), class: `edge p${each.slot}` });
  }
}

/** The median, the mean, a marker now and then; nothing where the plan cannot do the work. */
function lines(add, each, xs, Y) {
  const able = (values) => values.map((y, k) => (y === null || !each.eligible[k] ? null : Y(y)));
  if (each.mean) add("path", { d: path(xs, able(each.mean)), class: `mean p${each.slot}` });
  add("path", { d: path(xs, able(each.middle)), class: `median p${each.slot}` });
  const every = Math.max(2, Math.round(xs.length / 6));
  for (let k = (each.slot * 2) % every; k < xs.length; k += every)
    if (each.middle[k] !== null && each.eligible[k]) mark(add, each.slot, xs[k], Y(each.middle[k]), "dot", 0.85);
}

function mark(add, slot, x, y, kind, size = 1) {
  add("path", {
    d: MARKS[slot % 8],
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${size})`,
    class: `${kind} p${slot}`,
  });
}

/** A ribbon that tells the cheapest plan along x, and where it changes. */
function cheapest(add, chart, box, X, Y) {
  const ends = [box.left, ...chart.crossings.map((each) => X(each.x)), box.right];
  const order = chart.crossings.length
    ? [chart.crossings[0].from, ...chart.crossings.map((each) => each.to)]
    : [chart.cheapest.find((name) => name)];
  let free = -Infinity;
  order.forEach((name, k) => {
    const series = chart.series.find((each) => each.plan === name);
    const [a, b] = [ends[k], ends[k + 1]];
    if (!series || b - a < 1) return;
    add("rect", {
      x: a,
      y: box.top - 12,
      width: Math.max(1, b - a - (k < order.length - 1 ? 2 : 0)),
      height: 6,
      rx: 3,
      class: `ribbon p${series.slot}`,
    });
    const text = fitted(
      k === 0 && b - a > (series.name.length + 10) * LETTER ? `cheapest: ${series.name}` : series.name,
      b - a - 4,
    );
    if (b - a > Math.min(series.name.length, 6) * LETTER)
      add("text", { x: Math.max(a, free), y: box.top - 19, class: "strong" }, text);
  });
  for (const each of chart.crossings) {
    const x = X(each.x),
      text = `${each.sure ? "" : "≈ "}${plain(each.x, 2)}`;
    add("path", { d: `M${x.toFixed(1)} ${box.top - 6}V${box.bottom}`, class: "cross" });
    const left = x + 8 + text.length * LETTER > box.right;
    if (x - text.length * LETTER > free)
      add(
        "text",
        { x: left ? x - 5 : x + 5, y: box.top + 10, "text-anchor": left ? "end" : "start", class: "halo strong" },
        text,
      );
    free = x + (text.length * LETTER) / 2;
    if (each.y !== null) add("circle", { cx: x, cy: Y(each.y), r: 5.5, class: "ring" });
  }
}

/** The chip that tells where the slider stands: its text, middle and half width; null where it is off the chart. */
function chipped(chart, box, X) {
  if (chart.now < chart.low * 0.9999 || chart.now > chart.high * 1.0001) return null;
  const text = amount(chart.now, chart.unit),
    half = (text.length * LETTER) / 2 + 7;
  return { text, half, middle: Math.min(Math.max(X(chart.now), box.left + half - 40), box.right - half + 40) };
}

/** Where the slider stands: a line, the chip, and a marker on each plan. */
function marker(add, chart, box, X, Y) {
  const chip = chipped(chart, box, X);
  if (!chip) return;
  const x = X(chart.now);
  add("path", { d: `M${x.toFixed(1)} ${box.top}V${box.bottom + 6}`, class: "here" });
  add("rect", {
    x: chip.middle - chip.half,
    y: box.bottom + 5,
    width: 2 * chip.half,
    height: 19,
    rx: 9.5,
    class: "chip",
  });
  add("text", { x: chip.middle, y: box.bottom + 18.5, "text-anchor": "middle", class: "chip-text" }, chip.text);
  for (const each of chart.series)
    if (each.here !== null && each.able) mark(add, each.slot, x, Y(each.here), "dot", 1.25);
}

/** Name the curves at their ends, on the right, apart from each other. */
function labels(add, chart, box, xs, Y, width) {
  const ends = [];
  for (const each of chart.series) {
    const k = each.middle.findLastIndex((y, j) => y !== null && each.eligible[j]);
    if (k >= 0) ends.push({ each, x: xs[k], want: Y(each.middle[k]) });
  }
  for (const { each, x, want, y } of apart(ends, 17, box.top, box.bottom - 2)) {
    const far = box.right + 4;
    if (Math.abs(y - want) > 3 || far - x > 8)
      add("path", {
        d: `M${(x + 6).toFixed(1)} ${want.toFixed(1)}L${far.toFixed(1)} ${y.toFixed(1)}`,
        class: `leader p${each.slot}`,
        "stroke-dasharray": far - x > 8 ? "1 3" : "none",
      });
    mark(add, each.slot, far + 8, y, "dot", 0.95);
    add("text", { x: far + 17, y: y + 4, class: "strong" }, fitted(each.name, width - far - 17));
  }
}
