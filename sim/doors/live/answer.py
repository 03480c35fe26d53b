"""The fast answer to one position of the sliders: plans at the position, and a curve through it.

Every number equals that of ``run`` or ``sweep`` with as many replications; what was simulated for one position serves
the next where it can. Not here: the page.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Final

from sim.doors.live.budget import Round, points_paths, round_of
from sim.doors.live.cells import Cancelled, Cell, never
from sim.doors.live.look import Look, classes_json
from sim.doors.live.look import look as look
from sim.doors.live.shown import COSTS, Json, plan_part, plan_point
from sim.ground.estimate import Estimate, plain
from sim.ground.scenario import Scenario
from sim.ground.scenario.levers import Lever
from sim.questions.search.effort import beginning, shortened
from sim.questions.tables.study import verdict
from sim.study.compare import cut_short, lopsided, probability_cheapest, warnings
from sim.study.outcome import Outcome

_THOUSAND: Final = 1000.0


def answer(
    look: Look,
    values: Mapping[str, float],
    paths: int | None = None,
    cancelled: Cancelled = never,
    curve: str | None = None,
) -> Json:
    """Answer one position of the sliders.

    Parameters
    ----------
    look : Look
        The scenario made ready.
    values : mapping of str to float
        By names of levers; what is not named stands where the scenario says.
    paths : int, optional
        How many sample paths; none asks for a first look, as many as come at once. The answer says in ``next_paths``
        what to ask for next; more than ``most_paths`` are never simulated.
    cancelled : callable
        Tells whether nobody waits any more; asked before each piece of work.
    curve : str, optional
        The lever that the curve runs along; else the rate of the first class.

    Returns
    -------
    dict
        Plain JSON values.

    Raises
    ------
    InputError
        When a value, or a lever, is none.
    SupersededError
        When ``cancelled`` said so.
    """
    began = time.perf_counter()
    differing = look.differing(values)
    scenario = look.at(differing)
    whole = Cell.of(look.key, scenario, look.seed, look.store)
    turn = _round(whole, paths)
    here = _beginning(look, whole, turn.share)
    outcomes = {name: here.outcome(name, turn.paths, look.store, cancelled) for name in scenario.plans}
    parts = {name: _part(here, name, outcomes[name], turn.paths, look) for name in scenario.plans}
    told = _ranked(here.scenario, parts, outcomes, look.seed)
    lever = _axis(look, curve)
    drawn = None if lever is None else _curve(look, lever, differing, turn, cancelled)
    return {
        "scenario": scenario.name,
        "edition": look.edition,
        "paths": turn.paths,
        "next_paths": turn.next_paths,
        "most_paths": turn.most_paths,
        "final": turn.next_paths is None,
        "seed": look.seed,
        "hash": _digest(here.world, *(price for _, price in here.plans.values())),
        "horizon_days": float(here.scenario.horizon_days),
        "shortened": shortened(scenario, here.scenario),
        "values": {each.name: differing.get(each.name, each.value) for each in look.levers},
        "verdict": _verdict(told, turn.paths),
        "classes": classes_json(scenario),
        "plans": [_plan_json(name, told) for name in scenario.plans],
        "curve": drawn,
        "warnings": warnings(here.ready, turn.paths) + cut_short(here.scenario, outcomes) + lopsided(outcomes),
        "took_ms": round(1e3 * (time.perf_counter() - began), 1),
    }


def _cell(look: Look, scenario: Scenario) -> Cell:
    """Make a scenario of a look ready."""
    return Cell.of(look.key, scenario, look.seed, look.store)


def _round(whole: Cell, paths: int | None) -> Round:
    """Find the round of a number of paths at a position."""
    closed = any(each.sessions is not None for each in whole.scenario.chats.values())
    return round_of(paths, whole.work, closed)


def _beginning(look: Look, whole: Cell, share: float) -> Cell:
    """Make the beginning of a scenario's horizon ready, or all of it."""
    return whole if share == 1 else _cell(look, beginning(whole.scenario, share))


def _part(cell: Cell, plan: str, outcome: Outcome, paths: int, look: Look) -> Json:
    """Give what is shown of one plan at the position."""
    key = ("part", cell.charged(plan), paths)
    return look.store.made(key, lambda: plan_part(cell.scenario, outcome))


def _ranked(scenario: Scenario, parts: Json, outcomes: Mapping[str, Outcome], seed: int) -> Json:
    """Put plans together as a run's result does, as far as an answer needs it."""
    bills = {name: outcome.bills for name, outcome in outcomes.items()}
    eligible = [name for name in parts if parts[name]["eligible"]]
    confidence = float(scenario.confidence)
    return {
        "scenario": scenario.name,
        "seed": seed,
        "confidence": confidence,
        "plans": parts,
        "comparison": {
            "cheapest": min(eligible, key=lambda name: float(bills[name].mean()), default=None),
            "probability_cheapest": probability_cheapest(bills, eligible, confidence),
        },
    }


def _verdict(told: Json, paths: int) -> Json:
    """Say which plan is cheapest in one sentence, with the probability and the number of paths."""
    best, chances = told["comparison"]["cheapest"], told["comparison"]["probability_cheapest"]
    first = verdict(told).splitlines()[0].replace(" of the paths", f" of {paths} paths")
    if best is None:
        return {"sentence": first, "plan": None, "chance": None, "alike": []}
    bill = told["plans"][best]["bill_usd"]["total"]
    alike = [
        name
        for name, plan in told["plans"].items()
        if name != best and plan["eligible"] and plan["bill_usd"]["total"] == bill
    ]
    return {"sentence": first, "plan": best, "chance": _estimate(chances[best]), "alike": alike}


def _estimate(found: Estimate) -> Json | None:
    """Give a value with its interval; nothing where there is none."""
    if found.value is None:
        return None
    return {"value": plain(found.value), "low": plain(found.low), "high": plain(found.high)}


def _plan_json(name: str, told: Json) -> Json:
    """Tell of one plan what the page shows."""
    plan = told["plans"][name]
    (utilization,) = plan["utilization"].values()
    return {
        "name": name,
        "eligible": plan["eligible"],
        "reason": plan["reason"],
        "bill": _estimate(plan["bill_usd"]["total"]),
        "chance": _estimate(told["comparison"]["probability_cheapest"][name]),
        "utilization": _estimate(utilization),
        "idle_usd": _estimate(plan["idle_usd"]),
        "classes": {class_name: _class_json(each) for class_name, each in plan["classes"].items()},
    }


def _class_json(each: Json) -> Json:
    """Tell of one class under a plan what the page shows: requests by the thousand."""
    asked = each["kind"] == "inference"
    cost, waits = each["cost_per_job_usd"]["fully_loaded"], each["ttft_s"]["all"] if asked else each["wait_h"]
    scale = _THOUSAND if asked else 1.0
    found = {
        "cost": {key: _estimate(cost[key].scaled(scale) if asked else cost[key]) for key in ("mean", *COSTS)},
        "wait": {key: _estimate(waits[key]) for key in ("mean", "p95")},
        "censored": each["censored"],
    }
    if asked:
        found["usd_per_million_output_tokens"] = _estimate(each["usd_per_million_output_tokens"])
    return found


def _axis(look: Look, curve: str | None) -> Lever | None:
    """Find the lever that the curve runs along; None where nothing can be moved."""
    if curve is not None:
        return look.lever(curve)
    return look.lever(look.curve_levers[0]) if look.levers else None


def _curve(look: Look, lever: Lever, differing: Mapping[str, float], turn: Round, cancelled: Cancelled) -> Json:
    """Draw a curve through the position along one lever."""
    places, now = look.points(lever), differing.get(lever.name, lever.value)
    middle = {name: value for name, value in differing.items() if name != lever.name}
    centre = _cell(look, look.at(middle))
    along = _round(centre, None if turn.first else turn.paths)
    begun = _beginning(look, centre, along.share)
    cells = [_at_point(look, begun, {**middle, lever.name: place}, lever) for place in places]
    near = sorted(range(len(places)), key=lambda k: abs(_distance(lever, places[k], lever.value)))
    counts = points_paths([cell.work for cell in cells], near, along.paths, along.first)
    found = [_point(look, cell, paths, cancelled) for cell, paths in zip(cells, counts, strict=True)]
    return {
        "lever": lever.name,
        "label": lever.label,
        "unit": lever.unit,
        "log": lever.log,
        "x": places,
        "now": now,
        "paths": counts,
        "shortened": shortened(look.scenario, cells[0].scenario),
        "id": _digest(*(cell.charged(name) for cell in cells for name in cell.plans)),
        "plans": {name: _line(name, cells[0].scenario, found) for name in cells[0].scenario.plans},
        "cheapest": [_cheapest(point) for point in found],
    }


def _distance(lever: Lever, a: float, b: float) -> float:
    """Tell how far two values of a lever lie apart: on a log scale by their ratio."""
    return a / b - b / a if lever.log else a - b


def _at_point(look: Look, begun: Cell, values: Mapping[str, float], lever: Lever) -> Cell:
    """Make a point of a curve ready, over as much of the horizon as its middle."""
    differing = look.differing(values)
    if look.moves_work(lever):
        return begun.with_work(look.key, look.beside(begun.scenario, differing), look.store)
    clock = {name: getattr(begun.scenario, name) for name in ("horizon_days", "warm_up_days")}
    return _cell(look, look.at(differing).model_copy(update=clock))


def _point(look: Look, cell: Cell, paths: int, cancelled: Cancelled) -> Json | None:
    """Simulate one point of a curve under all plans; None where it must wait for the next round."""
    if not paths:
        return None
    found = {}
    for name in cell.scenario.plans:
        key = ("point", cell.charged(name), paths)
        point = look.store.get(key)
        if point is None:
            point = plan_point(cell.scenario, cell.outcome(name, paths, look.store, cancelled))
            look.store.put(key, point)
        found[name] = point
    return found


def _line(plan: str, scenario: Scenario, points: Sequence[Json | None]) -> Json:
    """Lay out one plan along a curve, list by list."""
    classes = {}
    for name in scenario.workload:
        scale = _THOUSAND if name in scenario.chats else 1.0
        classes[name] = {
            key: [None if point is None else _times(point[plan]["classes"][name][key], scale) for point in points]
            for key in ("mean", *COSTS)
        }
        classes[name]["wait_p95"] = [
            None if point is None else point[plan]["classes"][name]["wait_p95"] for point in points
        ]
    eligible = [None if point is None else point[plan]["eligible"] for point in points]
    return {"classes": classes, "eligible": eligible}


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else plain(value * factor)


def _cheapest(point: Json | None) -> str | None:
    """Name the cheapest eligible plan at a point."""
    ranked = [] if point is None else [name for name in point if point[name]["eligible"]]
    return None if point is None else min(ranked, key=lambda name: float(point[name]["bill"]), default=None)


def _digest(*texts: str) -> str:
    """Shorten what an answer rests on to a few letters."""
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=8).hexdigest()
