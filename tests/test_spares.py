"""Spare nodes: by hand, against the windows that the simulator draws, what the command says and refuses."""

import json
import math

import numpy as np
import pytest
from refusals import here, refused
from worlds import ARTICLE, scenario

from sim.engine.workload.hazards import hazards
from sim.ground.units import NEVER, tick
from sim.questions.decision.spares import Spared, another_nine, shortfall, spared, spares

FAILING = {
    "up_hours": {"law": "weibull", "mean": 90, "shape": 0.7},
    "repair_hours": {"law": "lognormal", "mean": 10, "cv": 1},
}
GROUP = {"gpus": 8, "usd_per_node_h": 10, "failures": FAILING}
PLAN = "plans.reserved.held"


def world(nodes: int, days: float = 365, **more):
    return scenario(ARTICLE, {PLAN: {"own": GROUP | {"nodes": nodes} | more}, "horizon_days": days})


def test_by_hand():
    """Nodes up 9 hours in 10: one of one 0.9, one of two 0.99; two of three 3 x 0.81 x 0.1 + 0.729."""
    assert shortfall(1, 0, 0.1) == pytest.approx(0.1)
    assert shortfall(1, 1, 0.1) == pytest.approx(0.01)
    assert shortfall(2, 1, 0.1) == pytest.approx(1 - 0.972)
    assert shortfall(3, 0, 0.0) == 0


def test_rows_by_hand():
    """A spare takes away 788.4 of 876 hours a year; the next one 78.84."""
    rows = spared(1, 2, 0.1, 87_600.0)
    assert [row.down_hours_a_year for row in rows] == pytest.approx([876, 87.6, 8.76])
    assert [row.usd_a_year for row in rows] == [87_600, 175_200, 262_800]
    assert [row.nines for row in rows] == pytest.approx([1, 2, 3])
    assert rows[0].usd_per_hour_avoided is None
    assert [row.usd_per_hour_avoided for row in rows[1:]] == pytest.approx([87_600 / 788.4, 87_600 / 78.84])


def test_nodes_that_are_never_down_need_no_spare():
    rows = spared(4, 1, 0.0, 10.0)
    assert rows == [Spared(0, 1.0, None, 0.0, 40.0), Spared(1, 1.0, None, 0.0, 50.0)]
    assert another_nine(rows) == []


def test_another_nine_by_hand():
    found = another_nine(spared(8, 5, 8 / 3700, 1000.0))
    assert [tuple(each.values()) for each in found[:2]] == [(3, 1, 1000.0), (5, 2, 2000.0)]


def share_with(needed: int, windows: np.ndarray, horizon: int) -> np.ndarray:
    """Share of the time with at least so many nodes up, in each replication; the first tenth is left out."""
    opens, found = horizon // 10, []
    for nodes in windows:
        ups, downs = (np.clip(nodes[:, side::2].ravel(), opens, horizon) for side in (0, 1))
        instants = np.concatenate([ups, downs])
        order = np.argsort(instants, kind="stable")
        up = np.cumsum(np.concatenate([np.ones(len(ups)), -np.ones(len(downs))])[order])
        lasts = np.diff(instants[order], append=horizon)
        found.append(lasts[up >= needed].sum() / (horizon - opens))
    return np.array(found)


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_what_the_simulator_draws_agrees(extra):
    needed, days = 4, 4000
    made = world(needed + extra, days)
    windows = hazards(made, made.plans["reserved"], 5, range(40)).windows
    assert windows.max() == NEVER
    shares = share_with(needed, windows, tick(days * 24.0))
    exact, se = 1 - shortfall(needed, extra, 0.1), shares.std(ddof=1) / math.sqrt(len(shares))
    assert abs(shares.mean() - exact) < 5 * se
    assert se < 0.015 * (1 - exact)
    assert abs(shares.mean() - (1 - shortfall(needed, extra, 0.11))) > 5 * se  # the negative control


def test_what_a_plan_holds_is_what_it_needs():
    found = spares(world(3), "reserved", 2)["plans"]["reserved"]["own"]
    assert (found["needed"], found["node_down_share"], found["usd_per_node_year"]) == (3, pytest.approx(0.1), 87_600)
    assert [row["spares"] for row in found["rows"]] == [0, 1, 2]
    assert found["rows"][1]["availability"] == pytest.approx(0.9**4 + 4 * 0.9**3 * 0.1)


FILE = "experiments/scenarios/article.yaml"
LAWS = "plans.reserved.held.p4d.failures={up_hours: {law: exponential, mean: 3692}, repair_hours: 8}"


def test_the_command():
    status, out, err = here("spares", FILE, "--set", LAWS, "--most", 2)
    assert (status, err) == (0, "")
    assert "plan `reserved`, `p4d`: 1 needed, each down 0.216 % of the time" in out
    assert "99.999 % needs 1 spare: 168,367 USD a year more" in out
    assert "held p4d: repair: 8 h" in out
    told = json.loads(here("spares", FILE, "--set", LAWS, "--format", "json")[1])
    assert len(told["plans"]["reserved"]["p4d"]["rows"]) == 6
    rows = here("spares", FILE, "--set", LAWS, "--format", "csv")[1].splitlines()
    assert rows[0] == "plan,group,needed,spares,availability,nines,down_hours_a_year,usd_a_year,usd_per_hour_avoided"
    assert len(rows) == 7


def test_what_the_command_refuses():
    assert "article: plan `api` has no held nodes with `failures`" in refused("spares", FILE, "--plan", "api")
    assert "state plans.reserved.held.NAME.failures: {up_hours:" in refused("spares", FILE, "--plan", "reserved")
    assert "article: no plan has held nodes with `failures`" in refused("spares", FILE)
    assert "--plan: must be a plan of the scenario, got 'reservd'; did you mean `reserved`?" in refused(
        "spares", FILE, "--plan", "reservd"
    )
    assert "--most: must be a whole number from 0 to 1000, got '-1'" in refused("spares", FILE, "--most", "-1")


def test_a_group_that_brings_no_further_nine_says_so():
    status, out, _ = here("spares", FILE, "--set", LAWS, "--most", 0)
    assert status == 0
    assert "0 spares bring no further nine" in out
