// Small tools of the live page: elements, words, numbers, time.

import { plain } from "./chart.js";

export const $ = (id) => document.getElementById(id);

/** Make an element of HTML; texts among the children stay texts. */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value !== false && value !== null) made.setAttribute(key, value === true ? "" : value);
  made.append(...children);
  return made;
}

/** Put a text into an element, with the names between backticks set off; all of it stays text. */
export function putNamed(element, text) {
  if (element.dataset.said === text) return;
  element.dataset.said = text;
  const parts = text.replaceAll(" %", "\u00a0%").split("`");
  const named = (part) => make("b", {}, part.includes(".") ? part : planWord(part));
  element.replaceChildren(...parts.map((part, k) => (k % 2 ? named(part) : part)));
}

/** Show an element, or hide it. */
export const show = (element, on) => {
  if (element.hidden === on) element.hidden = !on;
};

/** Put a text into an element; whatever it says, it stays text. */
export const put = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

/** Do some work once nobody has asked for it for so many milliseconds. */
export function later(wait, work) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(work, wait, ...given);
  };
}

/** Name a plan or a class in running text. */
export const planWord = (name) =>
  name === "on_demand"
    ? "on-demand"
    : name
        .split("_")
        .map((part) => ({ api: "API", gpu: "GPU", gpus: "GPUs", usd: "USD" })[part] ?? part)
        .join(" ");

/** Write a span of time in the unit that suits it. */
export function span(days) {
  if (days < 1 / 12) return `${plain(days * 1440)} min`;
  return days < 2 ? `${plain(days * 24)} h` : `${plain(days)} days`;
}

/** Write a share; what is nearly all or nothing is told from all and nothing. */
export function percent(x) {
  if (x === null || x === undefined) return "–";
  if (x > 0.995 && x < 1) return ">99 %";
  return x > 0 && x < 0.005 ? "<1 %" : `${Math.round(100 * x)} %`;
}

/** The value of an estimate, or null. */
export const value = (estimate) => estimate?.value ?? null;

/** Write the interval of an estimate, in as many digits as it can bear. */
export function range(estimate, digits = 3) {
  if (estimate?.low == null || estimate.low === estimate.high) return "";
  const half = (estimate.high - estimate.low) / 2;
  const known =
    half > 0 && estimate.value ? Math.max(1, Math.ceil(Math.log10(Math.abs(estimate.value) / half)) + 1) : digits;
  return `${plain(estimate.low, Math.min(known, 5))} to ${plain(estimate.high, Math.min(known, 5))}`;
}

/** What the browser keeps for us, where it keeps anything. */
export function stored(name, text) {
  try {
    return text === undefined ? localStorage.getItem(name) : localStorage.setItem(name, text);
  } catch {
    return null;
  }
}

/** Show what went wrong, or nothing. */
export function complain(text) {
  put($("fault"), text ?? "");
  show($("fault"), Boolean(text));
}
