"""What is known of waits before a run: spare places, tails, and the warning of a wait without mean or variance."""

import re

import numpy as np
import pytest
from worlds import scenario

from sim.engine.money import LINES
from sim.study.compare import lopsided, warnings
from sim.study.outcome import Outcome
from sim.study.simulate import Experiment
from sim.study.waits import load_at_end, spare_places, tail_of_waits

WORLD = """\
name: tails
seed: 1
horizon_days: 10
workload:
  jobs:
    kind: fine_tune
    arrivals: {{law: poisson, mean_hours: {gap}}}
    service_hours: {{law: lomax, mean: 2, alpha: {alpha}{more}}}
plans:
  own: {{held: {{box: {{gpus: {gpus}, nodes: 1, usd_per_node_h: 3}}}}{patience}}}
  rent: {{hired: {{box: {{gpus: 1, usd_per_node_h: 3}}}}}}
"""


def world(alpha=2.5, gap=4, gpus=1, more="", patience=""):
    return scenario(WORLD.format(alpha=alpha, gap=gap, gpus=gpus, more=more, patience=patience))


@pytest.mark.parametrize(("gap", "gpus", "spare"), [(4, 1, 1), (4, 2, 2), (1, 3, 1), (1, 4, 2), (0.8, 4, 2)])
def test_spare_places(gap, gpus, spare):
    # A load of 2 / gap: so many GPUs less those that it fills wholly.
    loaded = world(gap=gap, gpus=gpus)
    assert spare_places(loaded, loaded.plans["own"]) == spare
    assert spare_places(loaded, loaded.plans["rent"]) is None


def test_no_spare_places_where_nobody_waits_for_ever_or_too_much_comes():
    patient = world(patience=", patience_hours: 4, api: {usd_per_job: 9, hours_per_million_tokens: 1}")
    assert spare_places(patient, patient.plans["own"]) is None
    too_much = world(gap=2)
    assert spare_places(too_much, too_much.plans["own"]) is None


def test_the_tail_of_a_wait_is_that_of_so_many_long_jobs_at_once():
    for gpus in (1, 2, 4):
        heavy = world(gpus=gpus)
        assert tail_of_waits(heavy, heavy.plans["own"]) == ("jobs", gpus * 1.5)
    cut = world(more=", truncate: {high: 50}")
    assert tail_of_waits(cut, cut.plans["own"]) is None


@pytest.mark.parametrize(
    ("alpha", "gpus", "text"),
    [
        (
            1.8,
            1,
            "plan `own`: the wait has no finite mean, so it grows with the horizon: P(wait > x) falls like x^-0.8",
        ),
        (
            2.5,
            1,
            "plan `own`: the wait has no finite variance, so its intervals are too narrow: P(wait > x) falls like",
        ),
        (1.8, 2, "plan `own`: the wait has no finite variance"),
        (3.5, 1, None),
        (2.5, 2, None),
    ],
)
def test_a_wait_without_mean_or_variance_is_warned_of(alpha, gpus, text):
    found = {each["code"]: each["text"] for each in warnings(Experiment.of(world(alpha, gpus=gpus), 1), 100)}
    if text is None:
        assert "heavy_wait" not in found
    else:
        assert found["heavy_wait"].startswith(text)
        assert "(service of" not in found["heavy_wait"]
        assert "give `truncate` a `high`, set patience_hours, or compare medians" in found["heavy_wait"]


GROWING = """\
name: grows
seed: 1
horizon_days: 365
workload:
  jobs:
    kind: fine_tune
    arrivals: {law: poisson, mean_hours: 4, growth_percent_per_month: %s}
    service_hours: 2
plans:
  own: {held: {box: {gpus: 1, nodes: 1, usd_per_node_h: 3}}}
"""


def test_a_load_that_outgrows_its_nodes_is_warned_of():
    # A load of 0.5 grows by 1.06 ^ 12 = 2.01 to 1.01, on average it is 0.72; by 1.05 ^ 12 = 1.8 it is carried.
    found = {each["code"]: each["text"] for each in warnings(Experiment.of(scenario(GROWING % "6"), 1), 100)}
    text = "plan `own`: the load grows to 1.01 erlangs at the end of the horizon, 1 GPUs are there: waits are those of"
    assert found["outgrown"].startswith(text)
    assert "overload" not in found
    assert load_at_end(scenario(GROWING % "6")) == pytest.approx(0.5 * 1.06**12, rel=1e-9)
    for percent, code in (("5", None), ("20", "overload")):
        codes = {each["code"] for each in warnings(Experiment.of(scenario(GROWING % percent), 1), 100)}
        assert "outgrown" not in codes
        assert code is None or code in codes


def outcome(bills):
    lines = np.zeros((len(bills), len(LINES)))
    lines[:, 0] = bills
    return Outcome(lines, lines[:, 0], lines[:, 0], lines, lines, {}, {})


def test_a_spread_of_one_replication_is_warned_of():
    even = np.random.default_rng(1).normal(100, 5, 50)
    assert lopsided({"own": outcome(even)}) == []
    assert lopsided({"own": outcome(np.full(50, 3.0))}) == []
    one = np.append(even, 200)
    told = lopsided({"own": outcome(even), "api": outcome(one)})
    assert [each["code"] for each in told] == ["lopsided"]
    assert re.match(
        r"plan `api`: one of 51 replications makes \d\d(\.\d)? % of the variance of the bill,", told[0]["text"]
    )
    assert told[0]["text"].endswith("so its interval is too narrow; give more --reps")
    assert lopsided({"api": outcome(one[-19:])}) == []
