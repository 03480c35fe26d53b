"""Sizes with heavy tails, cut off, blended, and rows of a file: moments by theory, draws against their laws."""

import math
from functools import partial

import numpy as np
import pytest
from refusals import faults
from scipy import integrate, stats
from studies import CHAT
from worlds import ARTICLE, scenario

from sim.engine.workload import sample, sample_requests
from sim.engine.workload.draws import Draws
from sim.engine.workload.streams import stream
from sim.ground.faults import InputError
from sim.ground.manifest import question, runnable_from
from sim.ground.scenario import load
from sim.ground.scenario.laws import law_mean
from sim.ground.units import tick
from sim.study import run

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


# Rows of a file


LENGTHS = "prompt,output,weight\n100,10,1\n2000,500,2\n300,7,1\n"
JOBS = "tokens,gpus\n1000,1\n2000,8\n3000,8\n"


def chat_with(tmp_path, csv: str = LENGTHS, name: str = "lengths.csv", **settings):
    """A chat whose lengths come from a file."""
    (tmp_path / name).write_text(csv)
    (tmp_path / "chat.yaml").write_text(CHAT)
    lengths = {"prompt_tokens": None, "output_tokens": None, "tokens": {"file": name}}
    more = {f"workload.chat.{key}": value for key, value in lengths.items()} | settings
    return load(tmp_path / "chat.yaml", more)


def tunes_with(tmp_path, csv: str = JOBS, sizes: dict | None = None, **settings):
    """The article with sizes from a file."""
    (tmp_path / "jobs.csv").write_text(csv)
    (tmp_path / "article.yaml").write_text(ARTICLE)
    stated = {"file": "jobs.csv", "columns": {"tokens": "tokens", "gpus": "gpus"}, "tokens_unit": "thousands"}
    more = {SIZES: None, "workload.tuning.sizes": sizes or stated} | settings
    return load(tmp_path / "article.yaml", more)


def test_prompt_and_output_of_a_file_are_drawn_together(tmp_path):
    chat = chat_with(tmp_path)
    assert chat.chats["chat"].mean_tokens == (1100.0, 254.25)
    assert (chat.chats["chat"].longest_listed, chat.chats["chat"].most_tokens) == (2499, 2500)
    drawn = sample_requests(chat, 1, range(3), {})
    pairs, counts = np.unique(np.column_stack([drawn.prompt, drawn.output]), axis=0, return_counts=True)
    assert pairs.tolist() == [[100, 10], [300, 7], [2000, 500]]
    n = len(drawn.prompt)
    assert np.abs(counts - n * np.array([0.25, 0.25, 0.5])).max() < 5 * math.sqrt(n) / 2
    listed = {"tokens": {"pairs": [[100, 10], [2000, 500], [300, 7]], "weights": [0.25, 0.5, 0.25]}}
    same = load(
        tmp_path / "chat.yaml",
        {f"workload.chat.{key}": listed.get(key) for key in ("prompt_tokens", "output_tokens", "tokens")},
    )
    assert sample_requests(same, 1, range(3), {}).prompt.tolist() == drawn.prompt.tolist()


def test_service_and_gpus_of_a_file_are_drawn_together(tmp_path):
    article = tunes_with(tmp_path)
    tuning = article.tunes["tuning"]
    assert (tuning.mean_service_hours, tuning.gpu_sizes) == (pytest.approx(4), {1, 8})
    assert article.offered_gpus == pytest.approx(6 / 24 * (2 * 1 + 4 * 8 + 6 * 8) / 3)
    paths = sample(article, 1, range(2), {})
    rows = set(zip(paths.tokens.tolist(), paths.gpus.tolist(), paths.service.tolist(), strict=True))
    assert rows == {(1.0, 1, tick(2)), (2.0, 8, tick(4)), (3.0, 8, tick(6))}
    other = tunes_with(
        tmp_path,
        "h\n30\n",
        {"file": "jobs.csv", "columns": {"service": "h"}, "service_unit": "minutes"},
        **{"workload.tuning.hours_per_million_tokens": None, "plans.api.api": {"usd_per_job": 1}},
    )
    assert (other.tunes["tuning"].mean_service_hours, other.tunes["tuning"].gpu_sizes) == (0.5, {8})
    assert set(sample(other, 1, [0], {}).service.tolist()) == {tick(0.5)}


def test_a_scenario_written_elsewhere_finds_its_sizes(tmp_path):
    for made in (chat_with(tmp_path), tunes_with(tmp_path)):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "again.yaml").write_text(runnable_from(tmp_path / "out", made, 1))
        again = load(tmp_path / "out" / "again.yaml")
        assert again.offered_gpus == made.offered_gpus
        assert [each.mean_tokens for each in again.chats.values()] == [each.mean_tokens for each in made.chats.values()]


def test_other_sizes_in_a_file_are_another_question(tmp_path):
    # The same scenario, word for word: a folder must not mix results of both.
    for build, other in ((chat_with, LENGTHS.replace("500", "600")), (tunes_with, JOBS.replace("3000", "4000"))):
        before, after = question(build(tmp_path), None), question(build(tmp_path, other), None)
        assert before["scenario_sha256"] == after["scenario_sha256"]
        assert before["traces_sha256"] != after["traces_sha256"]


@pytest.mark.parametrize(
    ("csv", "refusal"),
    [
        ("prompt,out\n1,2\n", r"lengths.csv:1: has no column 'output' (for output)"),
        ("prompt,output\n", "has no row of sizes; it must have the columns prompt, output"),
        ("", "is empty"),
        ("prompt,output\n1,2\n0,3\n", "lengths.csv:3:1: prompt must be a whole number of tokens from 1"),
        ("prompt,output\n1,nan\n", "lengths.csv:2:2: output must be"),
        ("prompt,output\n1,2\n3\n", "lengths.csv:3: has 1 fields, the header has 2"),
        ("prompt,output,weight\n1,2,0\n", "has a column `weight` in which every number is 0"),
        ("prompt,output,weight\n1,2,-1\n", "lengths.csv:2:3: weight must be a number from 0"),
        ("prompt;output\n1;2\n", "it seems to use `;`, save it with commas"),
    ],
)
def test_files_of_lengths_that_are_refused(tmp_path, csv, refusal):
    with pytest.raises(InputError) as error:
        chat_with(tmp_path, csv)
    assert refusal in str(error.value)


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        (
            {"plans.reserved.held.p4d": {"gpus": 4, "usd_per_node_h": 1, "nodes": 1}},
            "workload.tuning.sizes must fit plan `reserved`: jobs of 8 GPUs would block its 4 GPUs",
        ),
        (
            {"workload.tuning.tokens_millions": 1},
            "must have no `tokens_millions` law, because `sizes` are drawn from a file",
        ),
        (
            {"workload.tuning.hours_per_million_tokens": None},
            "must have `sizes.columns.service`, or `hours_per_million_tokens`",
        ),
        ({"workload.tuning.sizes.columns": {"gpus": "gpus"}}, "sizes.columns must have `service` or `tokens`"),
        ({"workload.tuning.sizes.columns": {"service": "tokens"}}, "must have no `hours_per_million_tokens`"),
        ({"workload.tuning.sizes.file": "none.csv"}, "none.csv: cannot be read: No such file"),
        (
            {"workload.tuning.arrivals": None, "workload.tuning.jobs": []},
            "must have no `sizes`, because its jobs are listed",
        ),
    ],
)
def test_sizes_of_jobs_that_are_refused(tmp_path, settings, refusal):
    with pytest.raises(InputError) as error:
        tunes_with(tmp_path, **settings)
    assert refusal in str(error.value)


def test_tokens_are_pairs_or_a_file(tmp_path):
    for tokens in ({}, {"pairs": [[1, 2]], "file": "x.csv"}, {"file": "x.csv", "weights": [1]}):
        settings = {
            "workload.chat.prompt_tokens": None,
            "workload.chat.output_tokens": None,
            "workload.chat.tokens": tokens,
        }
        (told,) = faults(CHAT, tmp_path, settings)
        assert "workload.chat.tokens must have" in told
