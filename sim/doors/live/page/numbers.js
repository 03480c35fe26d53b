// The answer in words and tables: verdict, plans, all numbers.

import { MARKS, plain, svg } from "./chart.js";
import { live, ofClass, shown, slot } from "./state.js";
import { $, later, make, percent, planWord, put, putNamed, range, show, span, value } from "./tools.js";

const SPOKEN_MS = 900;

/** The verdict, what it rests on, and how sharp it is. */
export function paintVerdict() {
  const { verdict, paths, most_paths, final } = live.answer;
  $("verdict").className = verdict.plan === null ? "verdict" : `verdict p${slot(verdict.plan)}`;
  putNamed($("sentence"), verdict.sentence);
  const others = (verdict.alike ?? []).filter((name) => name !== verdict.plan).map(planWord);
  put($("alike"), others.length ? `Just as cheap: ${others.join(", ")}.` : "");
  show($("alike"), others.length > 0);
  put(
    $("state"),
    `${paths.toLocaleString("en-US")} sample path${paths === 1 ? "" : "s"} of ${live.answer.shortened ?? span(live.answer.horizon_days)}${final ? "" : ", sharpening …"}`,
  );
  $("meter").classList.toggle("done", final);
  $("meter").firstElementChild.style.width = `${(100 * Math.log(paths + 1)) / Math.log(most_paths + 1)}%`;
  put($("basis"), `Scenario ${live.answer.scenario}, seed ${live.answer.seed}, hash ${live.answer.hash}.`);
  speak();
}

/** Read the verdict aloud once the hand rests. */
const speak = later(SPOKEN_MS, () => put($("spoken"), live.answer ? $("sentence").textContent : ""));

function marked(name) {
  const picture = svg("svg", { class: `mark p${slot(name)}`, viewBox: "-6 -6 12 12", "aria-hidden": "true" });
  picture.append(svg("path", { d: MARKS[slot(name)] }));
  return picture;
}

function bar(estimate, name) {
  const x = value(estimate);
  if (x === null) return "–";
  const fill = make("b");
  fill.style.width = `${100 * Math.min(1, Math.max(0, x))}%`;
  return make(
    "span",
    { class: `share p${slot(name)}` },
    make("i", { "aria-hidden": "true" }, fill),
    make("span", {}, percent(x)),
  );
}

/** The plans side by side. */
export function paintPlans() {
  const what = shown();
  const heads = [
    "Plan",
    `Cost, ${what.money} (mean)`,
    "Chance of being cheapest",
    "Utilization",
    `p95 ${what.wait}`,
    `Bill, USD in ${live.answer.shortened ?? span(live.answer.horizon_days)}`,
  ];
  const head = make(
    "tr",
    { role: "row" },
    ...heads.map((text) => make("th", { scope: "col", role: "columnheader" }, text)),
  );
  const rows = live.answer.plans.map((plan) => {
    const own = ofClass(plan);
    const why = make("small", { class: "why" });
    putNamed(why, plan.reason ?? "cannot do the work");
    const name = make(
      "th",
      { scope: "row", role: "rowheader", class: plan.name.length < 18 && "short" },
      marked(plan.name),
      planWord(plan.name),
    );
    if (!plan.eligible) name.append(why);
    const cells = [
      [plain(value(own?.cost?.mean)), range(own?.cost?.mean)],
      [bar(plan.chance, plan.name), ""],
      [bar(plan.utilization, plan.name), ""],
      [plain(value(own?.wait?.p95)), range(own?.wait?.p95)],
      [plain(value(plan.bill)), range(plan.bill)],
    ];
    const row = make(
      "tr",
      {
        role: "row",
        class: [plan.name === live.answer.verdict.plan && "best", !plan.eligible && "out"].filter(Boolean).join(" "),
      },
      name,
    );
    cells.forEach(([main, small], k) =>
      row.append(
        make("td", { role: "cell", "data-label": heads[k + 1] }, main, ...(small ? [make("small", {}, small)] : [])),
      ),
    );
    return row;
  });
  $("plans").replaceChildren(make("thead", { role: "rowgroup" }, head), make("tbody", { role: "rowgroup" }, ...rows));
}

/** What to beware of. */
export function paintWarnings() {
  show($("warnings"), Boolean(live.answer.warnings?.length));
  $("warnings").replaceChildren(
    ...(live.answer.warnings ?? []).map((each) => {
      const line = make("li");
      putNamed(line, each.text);
      return line;
    }),
  );
}

/** All numbers of the plans, and those of the charts. */
export function paintNumbers() {
  const { plans } = live.answer;
  const row = (name, cell) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...plans.map((plan) => make("td", {}, cell(plan))));
  const est = (estimate) =>
    value(estimate) === null ? "–" : `${plain(estimate.value, 4)}${range(estimate) ? ` (${range(estimate)})` : ""}`;
  const rows = [
    row("does the work", (plan) => (plan.eligible ? "yes" : (plan.reason ?? "no"))),
    row(`bill, USD in ${live.answer.shortened ?? span(live.answer.horizon_days)}`, (plan) => est(plan.bill)),
    row("idle money, USD", (plan) => est(plan.idle_usd)),
    row("chance of being cheapest", (plan) => percent(value(plan.chance))),
    row("utilization", (plan) => percent(value(plan.utilization))),
  ];
  for (const each of live.look.classes) {
    rows.push(
      make("tr", { class: "head" }, make("th", { colspan: plans.length + 1, scope: "colgroup" }, planWord(each.name))),
    );
    const own = (plan) => plan.classes?.[each.name];
    rows.push(row(`cost, ${each.money}: mean`, (plan) => est(own(plan)?.cost?.mean)));
    for (const which of ["p5", "p50", "p95"])
      rows.push(row(`cost, ${each.money}: ${which}`, (plan) => numberOf(own(plan)?.cost?.[which])));
    rows.push(
      row(`${each.wait}: mean`, (plan) => est(own(plan)?.wait?.mean)),
      row(`${each.wait}: p95`, (plan) => est(own(plan)?.wait?.p95)),
    );
  }
  const heads = make(
    "tr",
    {},
    make("th", { scope: "col" }, "Number"),
    ...plans.map((plan) => make("th", { scope: "col" }, planWord(plan.name))),
  );
  $("all").replaceChildren(
    make(
      "caption",
      {},
      `Where the sliders stand, ${live.answer.paths} sample paths; in brackets the interval of the estimate`,
    ),
    make("thead", {}, heads),
    make("tbody", {}, ...rows),
  );
  paintCurves();
}

const numberOf = (found) => plain(typeof found === "object" ? value(found) : found, 4);

function paintCurves() {
  show($("along-table"), live.answer.curve !== null);
  if (live.answer.curve === null) return;
  const { curve } = live.answer,
    what = shown(),
    plans = live.answer.plans.filter((plan) => curve.plans[plan.name]?.classes[what.name]);
  const heads = [
    curve.label,
    "cheapest",
    ...plans.flatMap((plan) => [`${planWord(plan.name)} median`, "p5 to p95", "wait p95"]),
  ];
  const body = curve.x.map((x, k) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, plain(x)),
      make("td", {}, curve.cheapest[k] ? planWord(curve.cheapest[k]) : "–"),
      ...plans.flatMap((plan) => {
        const own = curve.plans[plan.name].classes[what.name];
        return [
          plain(own.p50[k]),
          own.p5?.[k] == null ? "–" : `${plain(own.p5[k])} to ${plain(own.p95[k])}`,
          plain(own.wait_p95?.[k] ?? null),
        ].map((text) => make("td", {}, text));
      }),
    ),
  );
  $("curves").replaceChildren(
    make("caption", {}, `The charts as a table: ${what.money}; ${what.wait}`),
    make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...body),
  );
}
