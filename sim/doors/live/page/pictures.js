// The answer in pictures: what goes into the charts, what they say in words, and pointing at them.

import { amount, draw, MARKS, plain, svg, titled } from "./chart.js";
import { live, ofClass, shown, slot } from "./state.js";
import { $, planWord, put, show, value } from "./tools.js";

const sizes = {};
let scales = null; // of the cost chart as it was drawn last
let drawn = null; // the curve in it
let aimed = null; // where the pointer is over it, in its pixels

/** Read the sizes of the charts before anything is written: read in between, each would lay out the page anew. */
export function measure() {
  for (const id of ["cost", "wait"])
    sizes[id] = [
      Math.max(280, $(id).clientWidth) || sizes[id]?.[0] || 800,
      $(id).clientHeight || sizes[id]?.[1] || 176,
    ];
}

/** Keep, of two curves of the same position but along the same lever, whichever point rests on more paths. */
export function merged(old, fresh) {
  if (!old?.id || old.id !== fresh?.id) return fresh;
  const from = fresh.x.map((_, k) => (old.paths[k] > fresh.paths[k] ? old : fresh));
  const pick = (list) => from.map((curve, k) => list(curve)[k]);
  const plans = Object.entries(fresh.plans).map(([name, plan]) => {
    const classes = Object.entries(plan.classes).map(([of, lists]) => {
      const picked = Object.keys(lists).map((key) => [key, pick((curve) => curve.plans[name].classes[of][key])]);
      return [of, Object.fromEntries(picked)];
    });
    return [name, { classes: Object.fromEntries(classes), eligible: pick((curve) => curve.plans[name].eligible) }];
  });
  const kept = { plans: Object.fromEntries(plans), cheapest: pick((c) => c.cheapest), paths: pick((c) => c.paths) };
  return { ...fresh, ...kept };
}

/** The points of a curve that are known by now. */
function known(curve) {
  const there = curve.x.map((_, k) => Object.values(curve.plans).some((plan) => plan.eligible[k] !== null));
  const pick = (list) => list.filter((_, k) => there[k]);
  const plans = Object.entries(curve.plans).map(([name, plan]) => {
    const classes = Object.entries(plan.classes).map(([of, lists]) => [
      of,
      Object.fromEntries(Object.entries(lists).map(([key, list]) => [key, pick(list)])),
    ]);
    return [name, { classes: Object.fromEntries(classes), eligible: pick(plan.eligible) }];
  });
  return { ...curve, x: pick(curve.x), cheapest: pick(curve.cheapest), plans: Object.fromEntries(plans) };
}

/** Put the position itself among the points of a curve, so that each line runs through the number that is shown of it. */
function through(curve) {
  const { x, now } = curve;
  if (x.includes(now) || (curve.shortened ?? null) !== (live.answer.shortened ?? null)) return curve;
  const place = x.filter((each) => each < now).length;
  const put = (list, own) => list.toSpliced(place, 0, own);
  const number = (found) => (typeof found === "number" ? found : value(found));
  const plans = live.answer.plans.map(({ name, eligible, classes }) => [
    name,
    {
      eligible: put(curve.plans[name].eligible, eligible),
      classes: Object.fromEntries(
        Object.entries(curve.plans[name].classes).map(([of, lists]) => {
          const own = { ...classes?.[of]?.cost, wait_p95: classes?.[of]?.wait?.p95 };
          return [of, Object.fromEntries(Object.entries(lists).map(([key, list]) => [key, put(list, number(own[key]))]))];
        }),
      ),
    },
  ]);
  return {
    ...curve,
    x: put(x, now),
    cheapest: put(curve.cheapest, live.answer.verdict.plan),
    plans: Object.fromEntries(plans),
  };
}

/** Where the cheapest plan changes along x: where the means cross, else between the two points. */
function crossings(curve) {
  const found = [],
    f = curve.log ? Math.log : (x) => x,
    back = curve.log ? Math.exp : (x) => x;
  let last = null;
  curve.cheapest.forEach((name, k) => {
    if (name === null) return;
    if (last !== null && name !== last.name) {
      const i = last.k,
        mean = (plan, at) => curve.plans[plan]?.classes[shown().name]?.mean?.[at] ?? null;
      const [a, b, c, d] = [mean(last.name, i), mean(name, i), mean(last.name, k), mean(name, k)];
      const clean = [a, b, c, d].every((y) => y !== null && y > 0) && live.look.classes.length === 1;
      const [before, after] = clean ? [Math.log(a / b), Math.log(c / d)] : [-1, 1];
      const share = before < 0 && after > 0 ? before / (before - after) : 0.5;
      const able = curve.plans[last.name]?.eligible[k] !== false;
      found.push({
        x: back(f(curve.x[i]) + share * (f(curve.x[k]) - f(curve.x[i]))),
        from: last.name,
        to: name,
        sure: false,
        y: clean && able ? Math.exp(Math.log(a) + share * Math.log(c / a)) : null,
      });
    }
    last = { name, k };
  });
  return found;
}

/** Both charts. */
export function paintCharts() {
  const whole = live.answer.curve;
  show($("pictures"), whole !== null);
  if (whole === null) return;
  const curve = (drawn = through(known(whole)));
  const what = shown();
  const common = {
    x: curve.x,
    log: curve.log,
    now: curve.now,
    low: whole.x[0],
    high: whole.x.at(-1),
    unit: curve.unit,
    label: titled(curve),
  };
  const series = (pick, here) =>
    live.answer.plans
      .filter((plan) => curve.plans[plan.name]?.classes[what.name])
      .map((plan) => {
        const along = curve.plans[plan.name];
        return {
          plan: plan.name,
          name: planWord(plan.name),
          slot: slot(plan.name),
          eligible: along.eligible,
          able: plan.eligible,
          many: live.answer.plans.length > 4, // bands over bands: paler
          ...pick(along.classes[what.name]),
          here: here(ofClass(plan)),
        };
      });
  put($("cost-head"), `What it costs, ${what.money}`);
  const found = crossings(curve);
  const cost = series(
    (c) => ({ middle: c.p50, low: c.p5, high: c.p95, mean: c.mean }),
    (own) => value(own?.cost?.p50) ?? own?.cost?.p50 ?? null,
  );
  scales = {
    ...draw($("cost"), ...sizes.cost, { ...common, series: cost, cheapest: curve.cheapest, crossings: found }),
    lever: live.controls.get(curve.lever),
  };
  const waits = series(
    (c) => ({ middle: c.wait_p95 }),
    (own) => value(own?.wait?.p95),
  ).filter((each) => each.middle?.some((y) => y !== null));
  show($("wait-part"), waits.length > 0);
  put($("wait-head"), `How long 95 of 100 wait at most: ${what.wait}`);
  if (waits.length) draw($("wait"), ...sizes.wait, { ...common, series: waits, cheapest: null, crossings: [] });
  aim();
  tellCharts(cost, waits, found, common, curve);
}

/** The charts in words, for who does not see them. The tables below hold every number. */
function tellCharts(cost, waits, found, common, curve) {
  const here = cost.map((each) => `${each.name} ${each.able ? plain(each.here) : "cannot do the work"}`).join(", ");
  const first = curve.cheapest.find((name) => name !== null);
  const order = found.map((each) => `from about ${plain(each.x, 2)} ${planWord(each.to)}`);
  put(
    $("cost-text"),
    `Chart of cost along ${common.label}. Median at ${amount(common.now, common.unit)}: ${here}. Cheapest: ${first ? planWord(first) : "none"}${order.length ? `, ${order.join(", ")}` : " everywhere"}. All numbers are in the tables below.`,
  );
  put(
    $("wait-text"),
    `Chart of waits along ${common.label}. At ${amount(common.now, common.unit)}: ${waits.map((each) => `${each.name} ${plain(each.here)}`).join(", ")}.`,
  );
}

/** Pressing in the chart moves the lever there; pointing shows what each plan costs there. */
function point(event) {
  if (!scales || !live.answer?.curve) return;
  const { left, right } = scales.box,
    place = event.clientX - $("cost").getBoundingClientRect().left;
  const pressed = Boolean(event.buttons & 1 && scales.lever);
  aimed = !pressed && place >= left && place <= right ? place : null;
  aim();
  if (pressed) scales.lever.nudge(scales.X.back(Math.min(right, Math.max(left, place))));
}

/** A line at the nearest point of the curves, with the median of each plan. */
function aim() {
  $("aim")?.remove();
  if (aimed === null || !live.answer?.curve) return;
  const curve = drawn,
    { X, box } = scales;
  const k = curve.x.reduce((best, x, j) => (Math.abs(X(x) - aimed) < Math.abs(X(curve.x[best]) - aimed) ? j : best), 0);
  const lines = live.answer.plans
    .map((plan) => [plan.name, curve.plans[plan.name]?.classes[shown().name]?.p50?.[k] ?? null])
    .filter(([, y]) => y !== null);
  const x = X(curve.x[k]),
    wide =
      Math.max(...lines.map(([name, y]) => planWord(name).length + plain(y).length), 12 + curve.unit.length) * 7.1 + 46,
    tall = 20 * lines.length + 28;
  const left = x + 14 + wide > box.right ? Math.max(0, x - 14 - wide) : x + 14,
    top = box.top + 12;
  const group = svg("g", { id: "aim", "aria-hidden": "true" });
  group.append(
    svg("path", { d: `M${x} ${box.top}V${box.bottom}`, class: "aim" }),
    svg("rect", { x: left, y: top, width: wide, height: tall, rx: 8, class: "readout" }),
  );
  group.append(
    svg("text", { x: left + 12, y: top + 18, class: "strong" }, `median at ${amount(curve.x[k], curve.unit)}`),
  );
  lines.forEach(([name, y], row) => {
    const at = top + 38 + 20 * row;
    group.append(
      svg("path", {
        d: MARKS[slot(name)],
        transform: `translate(${left + 18} ${at - 4})`,
        class: `dot p${slot(name)}`,
      }),
      svg("text", { x: left + 30, y: at }, planWord(name)),
      svg("text", { x: left + wide - 12, y: at, "text-anchor": "end", class: "strong" }, plain(y)),
    );
  });
  $("cost").append(group);
}

/** Let the pointer work on the chart. */
export function listen() {
  const chart = $("cost");
  for (const kind of ["pointermove", "pointerdown"]) chart.addEventListener(kind, point);
  chart.addEventListener("pointerleave", () => {
    aimed = null;
    aim();
  });
}
