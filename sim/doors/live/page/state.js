// What the page knows: where the sliders stand, the scenario they belong to, the newest answer.

export const live = {
  scenario: "", // its name in the address
  values: new Map(), // levers that were moved, by name
  curve: null, // the lever that the charts run along, where it is not the first
  shown: 0, // the class of work in table and charts, by its place
  look: null, // levers, classes and plans of the scenario, from /api/look
  answer: null, // from /api/answer
  controls: new Map(), // the slider of each lever
};

/** The position of the sliders as an address says it. */
export const position = () => ({
  scenario: live.scenario,
  ...Object.fromEntries(live.values),
  ...(live.curve === null ? {} : { curve: live.curve }),
});

/** The class of work that is shown. */
export const shown = () => live.look.classes[live.shown];

/** What an answer says of a plan in that class. */
export const ofClass = (plan) => plan.classes?.[shown().name] ?? null;

/** The look of a plan: its place in the scenario. */
export const slot = (name) => live.look.plans.indexOf(name) % 8;
