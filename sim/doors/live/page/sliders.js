// The sliders of a scenario: one for each lever, with a box for the number beside it.

import { amount, plain, scale, titled } from "./chart.js";
import { live } from "./state.js";
import { $, make, put, show } from "./tools.js";

const STEPS = 200;

const GROUPS = [
  ["Work", ["rate", "burstiness", "patience"]],
  ["Capacity", ["nodes", "speed"]],
  ["Prices", ["node_price", "api_price"]],
  ["People", ["staff"]],
];

/** Make the sliders of a scenario; `moved` is called when one was moved. */
export function buildSliders(moved) {
  live.controls = new Map();
  const narrow = matchMedia("(max-width: 880px)").matches;
  $("levers").replaceChildren();
  const known = GROUPS.flatMap(([, kinds]) => kinds);
  GROUPS.forEach(([title, kinds], place) => {
    const own = live.look.levers.filter(
      (lever) => kinds.includes(lever.kind) || (place === 0 && !known.includes(lever.kind)),
    );
    if (!own.length) return;
    const group = make(
      "details",
      { class: "group", open: !narrow || place === 0 },
      make("summary", {}, title, make("span", { class: "count" })),
    );
    for (const lever of own) {
      const control = sliderControl(lever, moved);
      live.controls.set(lever.name, control);
      group.append(control.element);
    }
    $("levers").append(group);
  });
}

/** The positions of a slider: whole numbers are its own, all else is cut into steps, logarithmic where the lever is. */
function positions(lever) {
  if (lever.whole && !lever.log && lever.high - lever.low <= 400)
    return { min: lever.low, max: lever.high, at: (x) => x, back: (x) => x };
  const at = scale(lever.low, lever.high, 0, STEPS, lever.log && lever.low > 0);
  const tidy = (x) => (lever.whole ? Math.round(x) : Number(x.toPrecision(3)));
  const inside = (x) => Math.min(lever.high, Math.max(lever.low, x));
  const home = Math.round(at(lever.value));
  return { min: 0, max: STEPS, at, back: (place) => (place === home ? lever.value : inside(tidy(at.back(place)))) };
}

/** Where a slider can go, in words. */
export const reach = ({ low, high, unit, whole }) =>
  `${whole ? "a whole number " : ""}from ${plain(low)} to ${amount(high, unit)}`;

/** The parts of a slider on the page. */
function parts(lever, where) {
  const id = `lever-${lever.name}`;
  const hand = make("input", { type: "range", id, name: lever.name, min: where.min, max: where.max, step: 1 });
  const box = make("input", {
    type: "number",
    step: "any",
    min: lever.low,
    max: lever.high,
    inputmode: "decimal",
    "aria-label": titled(lever),
    "aria-describedby": `${id}-said`,
  });
  const back = make("button", { type: "button", "aria-label": `Put back: ${lever.label}`, hidden: true }, "put back");
  const told = make("span");
  const said = make("p", { class: "said", id: `${id}-said` }, told, back);
  const track = make("div", { class: "track" }, hand);
  const element = make(
    "div",
    { class: "lever" },
    make("label", { for: id }, lever.label),
    make("div", { class: "hand" }, track, box),
    said,
  );
  return { hand, box, back, told, track, element };
}

/** One slider: `refresh` shows where it stands, `move` and `nudge` move it; `by` is the part a hand is on. */
function sliderControl(lever, moved) {
  const where = positions(lever);
  const { hand, box, back, told, track, element } = parts(lever, where);
  const share = (x) => (where.at(x) - where.min) / (where.max - where.min || 1);
  track.style.setProperty("--today", share(lever.value));
  const usual = `in the scenario: ${amount(lever.value, lever.unit, 4)}, ${lever.basis}`;

  const control = { lever, element };
  const now = () => live.values.get(lever.name) ?? lever.value;
  control.refresh = (by) => {
    const x = now();
    if (by !== hand) hand.value = where.at(x);
    if (by !== box) box.value = Number(x.toPrecision(6));
    box.removeAttribute("aria-invalid");
    put(told, usual);
    hand.style.setProperty("--at", share(x));
    hand.setAttribute("aria-valuetext", amount(x, lever.unit));
    element.classList.toggle("moved", x !== lever.value);
    show(back, x !== lever.value);
  };
  control.move = (x, by) => {
    const before = now();
    if (x === lever.value) live.values.delete(lever.name);
    else live.values.set(lever.name, x);
    control.refresh(by);
    tellMoved();
    if (x !== before) moved();
  };
  control.nudge = (x) =>
    control.move(lever.whole ? Math.round(x) : Math.min(lever.high, Math.max(lever.low, Number(x.toPrecision(3)))));
  hand.addEventListener("input", () => control.move(where.back(Number(hand.value)), hand));
  box.addEventListener("input", () => {
    const x = lever.whole ? Math.round(box.valueAsNumber) : box.valueAsNumber;
    if (x >= lever.low && x <= lever.high) return control.move(x, box);
    box.setAttribute("aria-invalid", "true");
    put(told, reach(lever));
  });
  box.addEventListener("change", () => control.refresh());
  back.addEventListener("click", () => {
    control.move(lever.value);
    hand.focus();
  });
  control.refresh();
  return control;
}

/** Tell how many sliders of each group were moved. */
export function tellMoved() {
  show($("reset"), live.values.size > 0);
  for (const group of document.querySelectorAll(".group")) {
    const moved = group.querySelectorAll(".moved").length;
    put(group.querySelector(".count"), moved ? `${moved} moved` : "");
  }
}
