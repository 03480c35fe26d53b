"""Decisions as pictures: what charts draw, taken from what was decided. Not here: drawing (``charts``)."""

import numpy as np
from matplotlib.figure import Figure

from sim.ground.estimate import Estimate
from sim.ground.scenario.uncertain import Cases
from sim.questions.charts import (
    Chance,
    Fan,
    Happening,
    Place,
    Regret,
    Swing,
    chance_along,
    fan_chart,
    regret_bars,
    tornado,
)
from sim.questions.charts.words import key_words, plan_word, rough
from sim.questions.decision.futures import draw
from sim.questions.decision.matters import Json, Mattered
from sim.questions.decision.outcomes import Outcomes
from sim.questions.decision.study import Decided
from sim.questions.decision.sweep import Swept

_PANELS = 3


def source(result: Json) -> str:
    """Say where the numbers of a decision come from."""
    counts = ((result["futures"], "future"), (result["replications"], "replication"), (result["months"], "month"))
    futures, paths, months = (f"{count} {name}{'s' * (count != 1)}" for count, name in counts)
    rate = result["discount_percent_a_year"]
    how = f"discounted at {rate:g} % a year" if rate else "not discounted"
    first = f"scenario {result['scenario']}, seed {result['seed']}"
    return f"{first}; {futures} x {paths} of {months}; present values {how}; interval: {100 * result['confidence']:g} %"


def fans_of(decided: Decided) -> list[Fan]:
    """Take what the least regretted strategies cost month by month, one-off switching costs left out."""
    names = decided.strategies
    running = decided.cost - decided.parts["switching"]
    return [Fan(name, running[:, names.index(name)]) for name in _least_regretted(decided.result)[:_PANELS]]


def fan_of(decided: Decided) -> Figure:
    """Draw what the least regretted strategies cost month by month; tell one-off switching costs apart."""
    result, names = decided.result, decided.strategies
    fans = fans_of(decided)
    shown = [fan.name for fan in fans]
    once = {name: float(decided.parts["switching"][:, names.index(name)].sum(axis=1).mean()) for name in shown}
    told = ", ".join(f"{plan_word(name)} {rough(usd)} USD" for name, usd in once.items() if usd > 0)
    note = f"Without one-off switching costs, on average: {told}." if told else ""
    events, budget = _happenings(decided), result["budget_usd"]
    return fan_chart(fans, events, strategies=names, budget_usd=budget, note=note, source=source(result))


def _least_regretted(result: Json) -> list[str]:
    """Put the ranked strategies in the order of their expected regret; all of them where none is ranked."""
    ranked = [name for name, each in result["strategies"].items() if each["ranked"]]
    if not ranked:
        return list(result["strategies"])
    regrets = {name: result["strategies"][name]["expected_regret_usd"].value for name in ranked}
    return sorted(ranked, key=lambda name: np.inf if regrets[name] is None else regrets[name])


def _happenings(decided: Outcomes) -> list[Happening]:
    """List the events with their months in each future."""
    decision = decided.scenario.decision
    if decision is None or not decision.events:
        return []
    drawn = [draw(decided.scenario, decided.seed, number).events for number in range(decided.futures)]
    return [
        Happening(name, np.array([np.nan if each[name] is None else each[name] for each in drawn], dtype=np.float64))
        for name in decision.events
    ]


def regret_of(decided: Decided) -> Figure:
    """Draw what each ranked strategy is regretted."""
    result = decided.result
    bars = [
        Regret(name, each["expected_regret_usd"], each["p95_regret_usd"], each["probability_cheapest"])
        for name, each in result["strategies"].items()
        if each["ranked"]
    ]
    undecided = result["verdict"]["undecided"]
    return regret_bars(bars, strategies=decided.strategies, undecided=undecided, source=source(result))


def chance_of(swept: Swept) -> Figure:
    """Draw how probably each strategy is the cheapest along a swept number."""
    order = sorted(range(len(swept.values)), key=lambda k: float(swept.values[k]))
    results = [swept.decisions[k].result for k in order]
    lines = [
        Chance(name, np.array([_ends(each["strategies"][name]["probability_cheapest"]) for each in results]).T)
        for name in swept.decisions[0].strategies
    ]
    name, unit = key_words(swept.scenario, swept.key)
    x = np.array([float(swept.values[k]) for k in order])
    return chance_along(x, lines, key=name, unit=unit, source=source(results[0]))


def _ends(estimate: Estimate | None) -> list[float]:
    """Take a value and the ends of its interval; NaN for what is not known."""
    ends = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return [np.nan if end is None else float(end) for end in ends]


def tornado_of(found: Mattered) -> Figure:
    """Draw how far each input moves what is measured, and what knowing it is worth."""
    totals = {share.key: share.total.value for share in found.shares}
    worths = {each.key: each.usd for each in found.information.inputs}
    swings = [
        Swing(
            bar.key,
            tuple(Place(leg.value, float(leg.usd.value or 0.0), leg.cheapest) for leg in bar.legs),
            isinstance(found.decided.scenario.uncertain[bar.key], Cases),
            worths[bar.key],
            totals.get(bar.key),
        )
        for bar in found.tornado.bars
    ]
    first, *second = (plan_word(name) for name in found.measured)
    measure = f"cost of {first} less that of {second[0]}" if second else f"present value of {first}"
    central = float(found.tornado.central.value or 0.0)
    return tornado(swings, central, found.tornado.cheapest, measure=measure, source=source(found.result))
