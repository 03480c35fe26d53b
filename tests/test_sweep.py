"""Sweeps: their JSON contract, where the cheapest plan changes, what no grid can be."""

import numpy as np
import pytest
from studies import RATE, assert_estimate, assert_plan, plain, plans
from worlds import scenario

from sim.ground.estimate import Estimate
from sim.ground.faults import InputError
from sim.study import run, sweep
from sim.study import simulate as simulation


def test_sweep_keeps_the_json_contract(article_grid):
    found = plain(article_grid.as_result())
    assert set(found) >= {"schema", "vary", "cells", "break_even"}
    assert found["schema"] == 1
    assert found["vary"] == {RATE: [0.5, 1, 2, 4, 6, 8, 10, 11, 11.5]}
    assert [cell["at"] for cell in found["cells"]] == [{RATE: rate} for rate in found["vary"][RATE]]
    for cell in found["cells"]:
        for plan in cell["result"]["plans"].values():
            assert_plan(plan)
    for each in found["break_even"]:
        assert set(each) >= {"plans", "key", "at", "reason"}
        assert each["key"] == RATE
        assert (each["at"] is None) == (each["reason"] is not None)
        if each["at"] is not None:
            assert_estimate(each["at"])
    pairs = [each["plans"] for each in found["break_even"]]
    assert pairs == [["reserved", "on_demand"], ["reserved", "api"], ["on_demand", "api"]]


def test_reserved_and_on_demand_cost_the_same_at_7_04_a_day(article_grid):
    exact = 19.22 * 8760 / (2 * 32.7726 * 365)
    at = article_grid.break_even("reserved", "on_demand")["at"]
    assert round(exact, 2) == 7.04
    assert abs(at.value - exact) <= 5 * at.se
    assert 0 < at.se < 0.02
    assert at.low < exact < at.high
    assert abs(at.value - 1.1 * exact) > 5 * at.se  # negative control


def test_reserved_never_meets_the_api_below_capacity(article_grid):
    found = article_grid.break_even("reserved", "api")
    assert found["at"] is None
    assert found["reason"] == ("none below capacity 12 a day (compared from 0.5 to 11.5): `api` is cheaper throughout")
    assert article_grid.capacity(RATE, "reserved") == pytest.approx(12, rel=1e-9)
    assert article_grid.capacity(RATE, "api") is None


def test_a_break_even_needs_one_swept_number():
    two = {RATE: [1, 2], "plans.reserved.held.p4d.nodes": [1, 2]}
    grid = sweep(scenario(settings={"horizon_days": 10}), two, replications=2)
    assert len(grid.cells) == 4
    assert [list(cell.at.values()) for cell in grid.cells] == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert grid.break_even("reserved", "api")["reason"] == "a break-even needs one swept number"
    words = sweep(scenario(settings={"horizon_days": 10}), {"allocation.rule": ["equal", "platform"]}, replications=2)
    assert words.break_even("reserved", "api")["reason"] == "a break-even needs one swept number"


def test_break_even_of_a_price_by_hand():
    # One run each day at noon: 10 runs; the API costs 10 p, the node 100: they meet at p = 10 exactly.
    daily = {"law": "deterministic", "mean_hours": 24}
    plans = {
        "node": {"held": {"n": {"gpus": 8, "usd_per_node_h": 0.4, "nodes": 1}}},
        "api": {"api": {"usd_per_job": 1}},
    }
    settings = {"workload.tuning.arrivals": daily, "horizon_days": 10.5, "plans": plans}
    grid = sweep(scenario(settings=settings), {"plans.api.api.usd_per_job": [16, 1, 4]}, replications=3)
    exact = 0.4 * 252 / 10
    assert grid.break_even("node", "api")["at"] == Estimate(*[pytest.approx(exact, rel=1e-12)] * 3, 0.0, 3)


def test_a_crossing_beyond_the_last_value_is_told_and_not_given(article_grid):
    # Reserved and on-demand meet at 7.04, above the last value compared.
    low = sweep(article_grid.scenario, {RATE: [1, 2, 6.5]}, replications=20).break_even("reserved", "on_demand")
    assert low["at"] is None
    assert "`on_demand` is cheaper up to 6.5; on a straight line it changes at 7." in low["reason"]
    none = sweep(article_grid.scenario, {RATE: [1, 2, 4]}, replications=20).break_even("reserved", "on_demand")
    assert none["reason"] == "none from 1 to 4: `on_demand` is cheaper throughout"


def test_plans_that_never_do_the_same_work_have_no_break_even(article_grid):
    found = sweep(article_grid.scenario, {RATE: [20, 24]}, replications=3).break_even("reserved", "on_demand")
    assert (found["at"], found["reason"]) == (None, "at no value do `reserved` and `on_demand` do the same work")


def test_plans_that_cost_the_same_are_said_to():
    held = {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 10}}}
    grid = sweep(scenario(settings={"plans": {"a": held, "b": held}}), {RATE: [1, 2]}, replications=2)
    assert grid.break_even("a", "b")["reason"] == "`a` and `b` cost the same from 1 to 2"


def test_capacity_counts_only_gpus_that_jobs_can_use():
    settings = {"workload.tuning.gpus": 5, "plans": plans()}
    grid = sweep(scenario(settings=settings), {RATE: [2, 8, 11]}, replications=3)
    assert grid.capacity(RATE, "reserved") == pytest.approx(12)
    overloaded = run(scenario(settings={**settings, RATE: 13}), replications=1).result
    assert "13 erlangs" not in str(overloaded["warnings"])
    assert "erlangs exceeds 5 GPUs" in str(overloaded["warnings"])


def test_swept_phases_and_numpy_values_take_effect():
    arrivals = {"law": "hyperexponential", "weights": [0.5, 0.5], "means": [1, 3]}
    ready = scenario(settings={"workload.tuning.arrivals": arrivals, "horizon_days": 30})
    grid = sweep(ready, {"workload.tuning.arrivals.means": [[1, 3], [10, 30]]}, replications=20)
    jobs = [cell.result["plans"]["api"]["classes"]["tuning"]["jobs"].value for cell in grid.cells]
    assert jobs[0] == pytest.approx(360, rel=0.1)
    assert jobs[1] == pytest.approx(36, rel=0.2)
    assert sweep(scenario(), {"plans.reserved.held.p4d.nodes": np.array([1, 2])}, replications=1).cells[1].at == {
        "plans.reserved.held.p4d.nodes": 2
    }


def test_a_sweep_refuses_a_wrong_cell_before_any_work(monkeypatch):
    def never(*_):
        raise AssertionError("worked")

    monkeypatch.setattr(simulation.Experiment, "work", never)
    with pytest.raises(InputError, match=r"--vary: workload\.tuning\.arrivals\.rate_per_day must be .*, got -1"):
        sweep(scenario(), {RATE: [1, -1]}, replications=2)
    with pytest.raises(InputError, match="did you mean `rate_per_day`"):
        sweep(scenario(), {"workload.tuning.arrivals.rate": [1]}, replications=2)
    with pytest.raises(InputError, match="--vary: must give every key at least one value"):
        sweep(scenario(), {RATE: []}, replications=2)


@pytest.mark.parametrize(
    ("vary", "refusal"),
    [
        ({"seed": [1, 2]}, "cannot vary seed"),
        ({RATE: [1, 2, 1]}, "must have different values"),
        ({"plans.new.api.usd_per_job": [1, 2]}, "must vary keys of plans and classes that exist"),
    ],
)
def test_grids_that_would_mislead(vary, refusal):
    with pytest.raises(InputError, match=refusal):
        sweep(scenario(), vary, replications=2)
