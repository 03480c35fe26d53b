"""Sizes with heavy tails, cut off, blended, and rows of a file: moments by theory, draws against their laws."""

import math
from functools import partial

import numpy as np
import pytest
from scipy import integrate, stats
from worlds import scenario

from sim.scenario.laws import law_mean
from sim.study import run
from sim.workload.draws import Draws
from sim.workload.streams import stream

MANY = 20_000
SIZES = "workload.tuning.tokens_millions"
LAWS = {
    "exponential": {"mean": 3},
    "erlang": {"mean": 3, "phases": 4},
    "hyperexponential": {"mean": 3, "cv": 2},
    "lognormal": {"mean": 3, "cv": 1.5},
    "gamma": {"mean": 3, "cv": 0.7},
    "weibull": {"mean": 3, "shape": 0.6},
    "lomax": {"mean": 3, "alpha": 2.5},
    "pareto": {"mean": 3, "alpha": 1.5},
    "blend": {
        "weights": [0.5, 0.3, 0.2],
        "parts": [
            {"law": "lognormal", "mean": 3, "cv": 1},
            {"law": "lomax", "mean": 1, "alpha": 3},
            {"law": "pareto", "mean": 5, "alpha": 3, "truncate": {"high": 20}},
        ],
    },
}
CUTS = {"whole": None, "high": {"high": 6}, "low": {"low": 0.6}, "both": {"low": 0.6, "high": 30}}
TWINS = {
    "exponential": stats.expon(scale=3),
    "erlang": stats.gamma(4, scale=0.75),
    "lognormal": stats.lognorm(math.sqrt(math.log(3.25)), scale=3 / math.sqrt(3.25)),
    "gamma": stats.gamma(1 / 0.49, scale=3 * 0.49),
    "weibull": stats.weibull_min(0.6, scale=3 / math.gamma(1 + 1 / 0.6)),
    "lomax": stats.lomax(2.5, scale=4.5),
    "pareto": stats.pareto(1.5, scale=1),
}
"""The same laws by scipy."""


def law(name: str, cut: dict | None = None):
    """A law of sizes."""
    stated = {"law": name, **LAWS[name], **({"truncate": cut} if cut else {})}
    return scenario(settings={SIZES: stated}).workload["tuning"].tokens_millions


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("cut", CUTS)
def test_moments_are_those_of_the_same_law_by_scipy(name, cut):
    made, twin = law(name, CUTS[cut]), TWINS[name]
    low, high = made.range
    inside = twin.cdf(high) - twin.cdf(low)
    assert made.outside == pytest.approx(1 - inside, abs=1e-12)
    rest = twin.mean() - _part(twin, 0, low) if math.isinf(high) else _part(twin, low, high)
    assert law_mean(made) == pytest.approx(rest / inside, rel=1e-9)
    for value in (1.5, 3.0, 5.5):
        share, part = made.up_to(value)
        assert share == pytest.approx((twin.cdf(value) - twin.cdf(low)) / inside, abs=1e-12)
        assert part == pytest.approx(_part(twin, low, value) / inside, rel=1e-9)


def _part(twin, low: float, high: float) -> float:
    """Part of the mean between two values, from the tail of the law by numerical integration."""
    tail = integrate.quad(twin.sf, low, high, epsabs=0, epsrel=1e-11, points=[1.0], limit=200)[0]
    return low * twin.sf(low) - high * twin.sf(high) + tail


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("cut", CUTS)
def test_draws_follow_their_law_and_stay_within(name, cut):
    # Kolmogorov-Smirnov at 20,000: 1.95/sqrt(n) is exceeded once in a thousand; the mean where there is a variance.
    made = law(name, CUTS[cut])
    values = np.sort(Draws(made, partial(stream, 3, 0), "x").take(MANY))
    low, high = made.range
    assert low <= values[0]
    assert values[-1] <= high
    share, part = np.array([made.up_to(value) for value in values[::20]]).T
    assert np.abs(share - (np.arange(MANY)[::20] + 0.5) / MANY).max() < 1.95 / math.sqrt(MANY)
    assert np.abs(1.05 * share - (np.arange(MANY)[::20] + 0.5) / MANY).max() > 1.95 / math.sqrt(MANY)
    assert part[-1] <= law_mean(made) * (1 + 1e-12)
    if name != "pareto" or math.isfinite(high):
        assert abs(values.mean() - law_mean(made)) < 5 * values.std() / math.sqrt(MANY)


@pytest.mark.parametrize("name", LAWS)
def test_truncated_draws_in_pieces_equal_draws_at_once_and_redraw_nothing_else(name):
    made, opened = law(name, CUTS["both"]), partial(stream, 3, 0)
    whole = Draws(made, opened, "x").take(1000)
    pieces = Draws(made, opened, "x")
    assert np.concatenate([pieces.take(count) for count in (1, 0, 399, 600)]).tolist() == whole.tolist()
    free = Draws(law(name), opened, "x").take(1000)
    kept = (free >= 0.6) & (free <= 30)
    assert whole[kept].tolist() == free[kept].tolist()
    assert 0 < kept.sum() < 1000


def test_what_is_cut_off_is_told():
    # Exponential of mean 1 million tokens below 2: exp(-2) outside; the mean within is 1 - 2 exp(-2) / (1 - exp(-2)).
    cut = scenario(settings={SIZES: {"law": "exponential", "mean": 1, "truncate": {"high": 2}}})
    (told,) = [entry for entry in cut.inputs() if "outside" in entry.what]
    assert told.what == f"share of `{SIZES}` outside 0 to 2"
    assert told.value == pytest.approx(math.exp(-2), rel=1e-12)
    mean = 1 - 2 * math.exp(-2) / (1 - math.exp(-2))
    assert f"{mean:.6g} within and 1 without" in told.source
    assert cut.workload["tuning"].mean_service_hours == pytest.approx(2 * mean, rel=1e-12)


def test_a_tail_without_variance_is_warned_of():
    for stated, warned in (
        ({"law": "lomax", "mean": 1, "alpha": 2}, True),
        ({"law": "pareto", "mean": 1, "alpha": 1.5, "truncate": {"low": 0.4}}, True),
        ({"law": "pareto", "mean": 1, "alpha": 1.5, "truncate": {"high": 50}}, False),
        ({"law": "lomax", "mean": 1, "alpha": 2.1}, False),
        ({"law": "blend", "weights": [1], "parts": [{"law": "lomax", "mean": 1, "alpha": 1.5}]}, True),
    ):
        found = run(scenario(settings={SIZES: stated, "horizon_days": 30}), replications=2).result["warnings"]
        told = [each["text"] for each in found if each["code"] == "heavy_tail"]
        assert bool(told) == warned
        assert all(f"`{SIZES}" in text and "no finite variance" in text for text in told)
