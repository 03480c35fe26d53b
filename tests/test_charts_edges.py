"""Charts of odd scenarios: nothing known, one cell, many plans, long names."""

import numpy as np
import pytest
from drawings import NODE, OFFER, texts, title, world
from studies import RATE

from sim.ground.scenario import as_values, build
from sim.ground.scenario.tree import Tree
from sim.questions import charts
from sim.study import run, sweep


def small(**changes):
    return world(horizon_days=20, **changes)


def many_plans():
    held = {f"held_{n}": {"held": {"p4d": {**NODE, "nodes": n}}} for n in (1, 2, 3)}
    hybrid = {f"hybrid_{h}": {"held": {"p4d": {**NODE, "nodes": 1}}, "patience_hours": h, "api": OFFER} for h in (1, 9)}
    dear = {"api": {"usd_per_million_tokens": 60, "hours_per_million_tokens": 1}}
    hired = {"hired": {"p4d": {"instance": "p4d.24xlarge", "rate": "on_demand"}}}
    return small(plans={**held, **hybrid, "api": {"api": OFFER}, "dear": dear, "on_demand": hired})


def two_classes():
    job = as_values(world())["workload"]["tuning"]
    other = {**job, "gpus": 1, "arrivals": {"law": "poisson", "rate_per_day": 4}}
    return small(workload={"tuning": job, "small_jobs": other})


EDGES = {
    "one cell": (small, {RATE: [6]}, 3),
    "one replication": (small, {RATE: [1, 6, 11]}, 1),
    "no jobs": (small, {RATE: [0, 3, 9]}, 2),
    "no jobs at all": (small, {RATE: [0, 0.0]}, 2),
    "far beyond capacity": (small, {RATE: [2, 10, 30]}, 2),
    "nothing eligible": (small, {RATE: [20, 30]}, 2),
    "a price from 0": (small, {"plans.reserved.staff.usd_per_year": [0, 1e5, 3e5]}, 2),
    "nodes": (small, {"plans.reserved.held.p4d.nodes": [1, 2, 3]}, 2),
    "words": (small, {"allocation.rule": ["gpu_time", "equal", "platform"]}, 2),
    "truths": (small, {"plans.reserved.backfill": [False, True]}, 2),
    "eight plans": (many_plans, {RATE: [0.5, 4, 14, 30]}, 2),
    "two classes": (two_classes, {RATE: [1, 9]}, 2),
    "only an API": (lambda: small(plans={"api": {"api": OFFER}}), {RATE: [1, 9]}, 2),
    "only a held node": (lambda: small(plans={"own": {"held": {"p4d": {**NODE, "nodes": 1}}}}), {RATE: [20, 30]}, 2),
    "free": (
        lambda: small(plans={"api": {"api": {"usd_per_job": 0, "hours_per_million_tokens": 1}}}),
        {RATE: [1, 9]},
        2,
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_any_scenario_is_drawn(name):
    make, vary, replications = EDGES[name]
    found = sweep(make(), vary, replications=replications)
    last = list(make().workload)[-1]
    costs, idle = charts.cost_percentiles(found, last), charts.idle_money(found)
    costs.draw_without_rendering()
    for figure in (costs, idle):
        assert title(figure)
        assert "nan" not in " ".join(texts(figure)).lower()


def long_names(stem):
    """Give two classes and all plans names of 60 characters that begin with the same letters."""
    values = as_values(two_classes())
    for part in ("workload", "plans"):
        named = {(stem * 30)[:59] + str(k): each for k, each in enumerate(values[part].values())}
        values[part] = named
    return build(Tree(values, file="x"))


@pytest.mark.parametrize("stem", ["a_", "name_", "held_by_the_month_", "averylongword", "m"])
def test_names_of_60_letters_leave_room_for_what_is_drawn(stem):
    named = long_names(stem)
    first = next(iter(named.workload))
    grid = sweep(named, {f"workload.{first}.arrivals.rate_per_day": [1, 3, 6, 9]}, replications=3)
    figures = [
        charts.cost_distribution(run(named, replications=3)),
        charts.cost_percentiles(grid),
        charts.idle_money(grid),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        assert all(axes.get_window_extent().width / figure.dpi > 1 for axes in figure.axes)
        if stem == "m":  # the widest letter: twice as wide as text is
            continue
        for axes in figure.axes:
            beside = {text.get_text(): text.get_window_extent() for text in axes.texts if text.get_position()[0] > 1}
            boxes = list(beside.values())  # the heads of columns are written once a row, in one place
            assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
        for text in figure.findobj(lambda each: hasattr(each, "get_text")):
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                assert min(box.x0, box.y0) >= 0, text
                assert np.all(box.max <= figure.bbox.max), text
