// The live page: sliders in, the engine's answer out; of many positions the newest. Not here: how anything looks.

import { paintNumbers, paintPlans, paintVerdict, paintWarnings } from "./numbers.js";
import { listen, measure, merged, paintCharts } from "./pictures.js";
import { ask } from "./server.js";
import { buildSliders, reach, tellMoved } from "./sliders.js";
import { live, position } from "./state.js";
import { $, complain, later, make, planWord, put, putNamed, show, stored } from "./tools.js";

const QUIET_MS = 120, // so long a hand rests before more paths are asked for
  PATIENCE_MS = 4000,
  ADDRESS_MS = 250;
const FILES = { "get-scenario": "/scenario.yaml", "get-table": "/result.csv", "get-report": "/report.html" };
const page = crypto.getRandomValues(new Uint32Array(2)).join("");

let first = ""; // the scenario that the page opens with
let busy = null; // the question that is being answered
let number = 0; // of the newest question
let notice = null; // what the address said and no slider could take, until a slider is moved
let movedAt = null; // when the first move that is not on the screen yet was made

// --- questions and answers

/**
 * Ask for the answer to where the sliders stand: a first look, which comes soon, or one with so many paths. A first look
 * under way is let be, and the newest position asked for after it; anything slower is given up for a move.
 */
async function question(paths) {
  if (busy?.first) {
    busy.again = true;
    return;
  }
  busy?.cancel.abort();
  const mine = (busy = { cancel: new AbortController(), first: paths === null, again: false });
  const since = movedAt;
  movedAt = null;
  try {
    const wanted = { ...position(), ...(paths === null ? {} : { paths }), page, n: ++number };
    const response = await ask("/api/answer", wanted, mine.cancel.signal);
    const found = await response.json();
    if (busy !== mine || found.scenario === undefined) return;
    if (found.edition !== live.look.edition) return await anew();
    live.answer = { ...found, curve: merged(live.answer?.curve, found.curve) };
    complain(notice);
    paint(since);
  } catch (error) {
    if (busy !== mine || error.name === "AbortError" || error.status === 409) return;
    complain(error.message);
    mine.failed = true;
  } finally {
    if (busy === mine) {
      busy = null;
      if (mine.again) question(null);
      else if (!mine.failed) sharpen();
    }
  }
}

/** Ask for more paths. */
const sharpen = later(QUIET_MS, () => {
  if (live.answer?.next_paths && !busy) question(live.answer.next_paths);
});

/** A slider was moved. */
function step() {
  movedAt ??= performance.now();
  notice = null;
  remember();
  question(null);
}

// --- the address

const address = () =>
  `/?${new URLSearchParams({ ...position(), ...(live.shown ? { class: live.look.classes[live.shown].name } : {}) })}`;

const remember = later(ADDRESS_MS, () => history.replaceState(null, "", address()));

/** The scenario's file has changed since the page read it: read it anew, the sliders where they stand. */
async function anew() {
  history.replaceState(null, "", address());
  live.look = null;
  await arrive();
  notice = ["The scenario's file has changed; it was read anew.", notice].filter(Boolean).join(" ");
}

/** Go where the address says; tell what of it no slider can take, for the numbers are not those it asks for. */
async function arrive() {
  const said = new URLSearchParams(location.search);
  const wanted = said.get("scenario") ?? first;
  if (wanted !== live.scenario || !live.look) await open(wanted);
  if (!live.look) return;
  live.values.clear();
  const wrong = [];
  for (const [name, text] of said) {
    if (["scenario", "curve", "class"].includes(name)) continue;
    const lever = live.controls.get(name)?.lever;
    const x = text.trim() === "" ? NaN : Number(text);
    if (!lever) wrong.push(`${name}=${text} (no slider of this scenario)`);
    else if (!(x >= lever.low && x <= lever.high) || (lever.whole && !Number.isInteger(x)))
      wrong.push(`${name}=${text} (must be ${lever.whole ? "" : "a number "}${reach(lever)})`);
    else if (x !== lever.value) live.values.set(name, x);
  }
  notice = wrong.length ? `Left out of the address: ${wrong.join(", ")}.` : null;
  live.curve = live.look.curve_levers.includes(said.get("curve")) ? said.get("curve") : null;
  $("along").value = live.curve ?? live.look.curve_levers[0] ?? "";
  live.shown = Math.max(
    0,
    live.look.classes.findIndex((each) => each.name === said.get("class")),
  );
  for (const control of live.controls.values()) control.refresh();
  tellMoved();
  pickClass();
  question(null);
}

// --- a scenario

/** Show another scenario, its sliders where it says. */
async function open(name) {
  busy?.cancel.abort();
  busy = live.look = live.answer = null;
  live.scenario = name;
  live.values.clear();
  live.shown = 0;
  live.curve = null;
  $("scenario").value = name;
  live.controls.clear();
  $("levers").replaceChildren();
  show($("answer"), false);
  $("verdict").className = "verdict";
  put($("state"), "");
  putNamed($("sentence"), "Reading the scenario …");
  show($("alike"), false);
  try {
    const found = await (await ask("/api/look", { scenario: name })).json();
    if (live.scenario !== name) return; // another was chosen meanwhile
    live.look = found;
  } catch (error) {
    putNamed($("sentence"), "No answer.");
    return complain(error.message);
  }
  complain(null);
  document.title = `${name} · fleetecon live`;
  put($("question"), live.look.question ?? "");
  put($("teaches"), live.look.teaches ? `It teaches: ${live.look.teaches}` : "");
  putNamed($("sentence"), "Computing …");
  patience();
  buildSliders(step);
  buildClasses();
  buildAlong();
}

/** Tell why a first answer may take long. */
const patience = later(PATIENCE_MS, () => {
  const text = "Computing … The first answer after an installation takes some 10 seconds: kernels are being compiled.";
  if (live.look && !live.answer) putNamed($("sentence"), text);
});

/** Buttons for the classes of work, where there are several. */
function buildClasses() {
  show($("classes"), live.look.classes.length > 1);
  $("classes").replaceChildren(
    ...live.look.classes.map((each, k) => {
      const button = make("button", { type: "button" }, planWord(each.name));
      button.addEventListener("click", () => {
        live.shown = k;
        history.pushState(null, "", address());
        pickClass();
        if (live.answer) paint(null);
      });
      return button;
    }),
  );
}

/** What the charts run along. */
function buildAlong() {
  const levers = new Map(live.look.levers.map((lever) => [lever.name, lever]));
  const options = live.look.curve_levers.map((name) => make("option", { value: name }, levers.get(name).label));
  $("along").replaceChildren(...options);
  show($("along").parentElement, options.length > 1);
}

function pickClass() {
  [...$("classes").children].forEach((button, k) => button.setAttribute("aria-pressed", String(k === live.shown)));
}

/** Show the answer; `since` is when the move was made that it answers. */
function paint(since) {
  show($("answer"), true);
  measure();
  paintVerdict();
  paintPlans();
  paintCharts();
  paintWarnings();
  if ($("numbers").open) paintNumbers();
  downloads();
  if (since !== null)
    requestAnimationFrame(() =>
      setTimeout(() =>
        performance.measure("step", { start: since, end: performance.now(), detail: live.answer.took_ms }),
      ),
    );
}

// --- downloads, looks

/** Let the links name the position. */
function downloads() {
  const said = new URLSearchParams({ ...position(), paths: live.answer.most_paths });
  for (const [id, path] of Object.entries(FILES)) $(id).href = `${path}?${said}`;
}

/** Fetch a file first, so that a refusal is told on the page and not kept under the name of the file. */
async function fetchFile(event) {
  event.preventDefault();
  const link = event.currentTarget;
  const { pathname } = new URL(link.href);
  if (!live.look || link.getAttribute("aria-busy")) return;
  link.setAttribute("aria-busy", "true");
  try {
    const response = await ask(pathname, { ...position(), paths: live.answer?.most_paths ?? 200 });
    const kept = make("a", {
      href: URL.createObjectURL(await response.blob()),
      download: `${live.scenario}${pathname.slice(pathname.lastIndexOf("."))}`,
    });
    kept.click();
    setTimeout(() => URL.revokeObjectURL(kept.href), 10_000);
    complain(null);
  } catch (error) {
    complain(error.message);
  } finally {
    link.removeAttribute("aria-busy");
  }
}

/** Dark or light: as the system says, until the button is used. */
function themes() {
  const system = matchMedia("(prefers-color-scheme: dark)"),
    kept = stored("theme");
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  const dark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const tell = () => {
    $("theme").setAttribute("aria-pressed", String(dark()));
    put($("theme"), dark() ? "Light" : "Dark");
    $("theme").setAttribute("aria-label", "Dark scheme");
  };
  $("theme").addEventListener("click", () => {
    const chosen = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    stored("theme", chosen);
    tell();
  });
  system.addEventListener("change", tell);
  tell();
}

// --- it begins

async function begin() {
  themes();
  $("scenario").addEventListener("change", async () => {
    const name = $("scenario").value;
    history.pushState(null, "", `/?${new URLSearchParams({ scenario: name })}`);
    await arrive();
  });
  $("levers").addEventListener("submit", (event) => event.preventDefault());
  $("reset").addEventListener("click", () => {
    live.values.clear();
    for (const control of live.controls.values()) control.refresh();
    tellMoved();
    step();
    $("verdict").focus();
  });
  for (const id of Object.keys(FILES)) $(id).addEventListener("click", fetchFile);
  $("along").addEventListener("change", () => {
    live.curve = $("along").value === live.look.curve_levers[0] ? null : $("along").value;
    history.pushState(null, "", address());
    question(null);
  });
  listen();
  $("numbers").addEventListener("toggle", () => $("numbers").open && live.answer && paintNumbers());
  addEventListener("popstate", arrive);
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    if (!live.answer) return;
    measure();
    paintCharts();
  }).observe($("main"));
  try {
    const listed = await (await ask("/api/scenarios", {})).json();
    first = listed.first;
    $("scenario").append(
      ...listed.scenarios.map((each) =>
        make("option", { value: each.name }, each.file ? `${each.name} (${each.file})` : planWord(each.name)),
      ),
    );
    await arrive();
  } catch (error) {
    putNamed($("sentence"), "No answer.");
    complain(error.message);
  }
}

begin();
