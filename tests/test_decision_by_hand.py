"""A decision small enough to be worked by hand: three prices of an API, no noise, all the answers exact."""

import numpy as np
import pytest

from sim.ground.scenario import build
from sim.ground.scenario.tree import Tree, read_text
from sim.questions.decision import decide
from sim.questions.decision.matters import matters

# Ten months of 730 h with a run a day, all paths alike. The node costs 3,650 USD whatever comes; the API 4, 8 or 20 USD
# a run.
WORLD = """\
name: by_hand
seed: 5
horizon_days: 304.1666666666667
workload:
  tuning:
    kind: fine_tune
    arrivals: {law: deterministic, rate_per_day: 1}
    gpus: 8
    tokens_millions: 1
    hours_per_million_tokens: 1
plans:
  own:
    held: {node: {gpus: 8, nodes: 1, usd_per_node_h: 0.5}}
  api:
    api: {usd_per_job: {cases: [4, 8, 20], weights: [0.3, 0.2, 0.5]}, hours_per_million_tokens: 1}
"""
PRICE = "plans.api.api.usd_per_job"
OWN = 0.5 * 7300


@pytest.fixture(scope="module")
def world():
    return build(Tree(read_text(WORLD, "x").values, file="x"))


@pytest.fixture(scope="module")
def shares(world):
    """How many of 400 futures have each price, by the draws; and the runs of a path."""
    found = decide(world, futures=400, replications=1)
    drawn = np.asarray(found.values[PRICE], dtype=float)
    runs = float(found.jobs.max())
    return found, {price: float(np.mean(drawn == price)) for price in (4, 8, 20)}, runs


def test_the_cases_are_drawn_by_their_weights(shares):
    _, share, _ = shares
    assert share == pytest.approx({4: 0.3, 8: 0.2, 20: 0.5}, abs=0.08)


def test_probabilities_and_regrets(shares):
    found, share, runs = shares
    over = {price: price * runs - OWN for price in share}  # what the API costs more
    assert over[4] < over[8] < 0 < over[20]
    by_name = found.result["strategies"]
    assert by_name["own"]["probability_cheapest"].value == pytest.approx(share[20])
    assert by_name["api"]["probability_cheapest"].value == pytest.approx(share[4] + share[8])
    assert by_name["own"]["expected_regret_usd"].value == pytest.approx(-share[4] * over[4] - share[8] * over[8])
    assert by_name["api"]["expected_regret_usd"].value == pytest.approx(share[20] * over[20])
    assert by_name["api"]["npv_usd"]["mean"].value == pytest.approx(sum(share[p] * p * runs for p in share))
    assert by_name["own"]["npv_usd"]["mean"].value == pytest.approx(OWN)


def test_what_knowing_the_price_is_worth_and_what_it_moves(world, shares):
    _, share, runs = shares
    least = min(OWN, sum(share[p] * p * runs for p in share))
    worth = least - sum(share[p] * min(OWN, p * runs) for p in share)
    found = matters(world, ["api"], futures=400, replications=1, points=64)
    assert found.result["worth_of_knowing_all_usd"].value == pytest.approx(worth)
    (bar,) = found.tornado.bars
    assert bar.swing.value == pytest.approx(16 * runs)
    assert bar.flips
    (share_of_one,) = found.shares
    assert share_of_one.total.value == pytest.approx(1, abs=0.2)
