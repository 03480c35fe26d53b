"""The frontier of two plans over two numbers: by hand, its branches, its picture, its tables."""

import csv
import io
import json
from itertools import pairwise

import numpy as np
import pytest
from drawings import line, texts, title
from refusals import flat, here, refused
from studies import RATE, plain
from worlds import scenario

import sim
from sim.ground.estimate import Estimate
from sim.questions.charts.frontier_curve import curve_finding, frontier_curve, segments
from sim.questions.search.crossing import Crossing
from sim.questions.search.frontier import branches
from sim.questions.search.pairs import Compared
from sim.questions.search.span import Span
from sim.questions.tables import frontier_csv, frontier_table

PRICE, HOURLY = "plans.api.api.usd_per_job", "plans.node.held.n.usd_per_node_h"
PLANS = {
    "node": {"held": {"n": {"gpus": 8, "usd_per_node_h": 0.4, "nodes": 1}}},
    "api": {"api": {"usd_per_job": 1, "hours_per_million_tokens": 1}},
}


@pytest.fixture(scope="module")
def daily():
    """A run a day, ten in all, on a node by the hour for 252 h or at the API by the job."""
    arrivals = {"law": "deterministic", "mean_hours": 24}
    return scenario(settings={"horizon_days": 10.5, "workload.tuning.arrivals": arrivals, "plans": PLANS})


@pytest.fixture(scope="module")
def found(daily):
    return sim.frontier(daily, (PRICE, 1, 40, False), (HOURLY, [0.8, 0.2, 0.4]), replications=2)


@pytest.fixture(scope="module")
def loaded():
    """The same at random, up to where the node is overrun."""
    ready = scenario(settings={"horizon_days": 60, "plans": PLANS, HOURLY: 2.0})
    return ready, sim.frontier(ready, (RATE, 1, 14, False), (PRICE, [3.0, 5.0, 9.0]), replications=10)


def test_the_curve_by_hand(found):
    assert found.y == (0.2, 0.4, 0.8)
    (branch,) = found.branches
    assert (branch.rows, branch.cheaper) == ((0, 1, 2), ("api", "node"))
    for y, crossing in zip(found.y, branch.crossings, strict=True):
        assert crossing.at.value == pytest.approx(25.2 * y, rel=1e-6)


def test_rows_are_break_evens(loaded):
    found = loaded[1]
    alone = sim.break_even(
        scenario(settings={"horizon_days": 60, "plans": PLANS, HOURLY: 2.0, PRICE: 9}),
        RATE,
        (1, 14),
        replications=10,
        precision=0.02,
        most_replications=800,
    )
    assert found.rows[2].crossings == alone.pairs[0].crossings
    assert found.rows[0].crossings == ()
    assert found.rows[0].reason.startswith("none below capacity 12 a day")


def crossing(value, *cheaper):
    return Crossing(Estimate(value, value, value, 0.0, 2), "equal", (value, value), cheaper, precise=True)


def test_branches_join_what_is_near_and_of_one_kind():
    up, down = ("a", "b"), ("b", "a")
    rows = [
        [crossing(2, *up), crossing(8, *down)],
        [crossing(3, *up), crossing(7, *down)],
        [],  # both end
        [crossing(4, *up), crossing(5, *down), crossing(9, *up)],
        [crossing(9.5, *up)],
    ]
    compared = [Compared(("a", "b"), tuple(row), (), (), (), (), None) for row in rows]
    joined = branches(Span(0, 10), compared)
    told = [(each.rows, [one.at.value for one in each.crossings]) for each in joined]
    assert told == [((0, 1), [2, 3]), ((0, 1), [8, 7]), ((3,), [4]), ((3,), [5]), ((3, 4), [9, 9.5])]


def test_the_picture_shows_the_curve_and_says_so(loaded):
    ready, found = loaded
    figure = frontier_curve(ready, found.result)
    axes = figure.axes[0]
    x, y = line(axes, "api | node")
    np.testing.assert_allclose(x, [row.crossings[0].at.value for row in found.rows[1:]])
    np.testing.assert_allclose(y, [5, 9])
    shown = {text.replace("\n", " ") for text in texts(figure)}
    assert {"API is cheaper", "node is cheaper"} <= shown
    assert any("Hatched: node does not do the work." in text for text in shown)
    assert [each for each in axes.patches if each.get_hatch()]
    assert title(figure) == curve_finding(ready, found.result)
    assert title(figure).startswith("API is cheaper than node below 9.6")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]


def test_segments_cover_each_row_from_end_to_end(loaded):
    for row in loaded[1].result["rows"]:
        cut = segments(row, 1, 14)
        assert (cut[0][0], cut[-1][1]) == (1, 14)
        assert all(one[1] == two[0] for one, two in pairwise(cut))
        assert cut[-1][2] is None  # beyond capacity


def test_a_map_without_a_curve_is_said_in_one_sentence(daily):
    found = sim.frontier(daily, (PRICE, 1, 2, False), (HOURLY, [0.4, 0.8]), replications=2).result
    assert curve_finding(daily, found) == "API is the cheaper plan wherever both do the work"
    assert frontier_curve(daily, found).axes
    assert "none from 1 to 2: `api` is cheaper throughout" in flat(frontier_table(found))
    assert max(map(len, frontier_table(found).split("\n\n")[1].splitlines())) < 80  # reasons stand below the table


def test_tables(found):
    told = flat(frontier_table(found.result))
    assert "api | 5.04 | node" in told
    rows = list(csv.DictReader(io.StringIO(frontier_csv(found.result))))
    assert [float(row[HOURLY]) for row in rows] == [0.2, 0.4, 0.8]
    assert {row["cheaper_below"] for row in rows} == {"api"}
    assert float(rows[1]["value"]) == pytest.approx(10.08)
    assert plain(found.result)["branches"][0]["rows"] == [0, 1, 2]


def test_the_commands_write_their_folders(article_file, tmp_path):
    few = ("--reps=4", "--most-reps=4", "--set", "horizon_days=20", "--plans=reserved,on_demand")
    key = "plans.reserved.staff.usd_per_year"
    status, out, err = here(
        "break-even", article_file, f"--key={key}", "--between=0:900000", *few, "--out", tmp_path / "b"
    )
    assert (status, err) == (0, "")
    assert "reserved = on_demand" in out or "`reserved` against `on_demand`: none" in out
    names = {file.name for file in (tmp_path / "b").iterdir()}
    assert names == {"manifest.json", "result.csv", "result.json", "scenario.yaml"}
    status, out, err = here(
        "frontier",
        article_file,
        f"--x={RATE}=1:14",
        f"--y={key}=0,50000",
        *few,
        "--format=json",
        "--out",
        tmp_path / "f",
    )
    assert (status, err) == (0, "")
    assert json.loads(out)["y"]["values"] == [0, 50000]
    assert {"frontier.png", "frontier.svg", "result.json"} <= {file.name for file in (tmp_path / "f").iterdir()}
    for other in (
        ("break-even", f"--key={key}", "--between=0:1", *few),
        ("break-even", f"--key={key}", "--between=0:900000", *few[:-1], "--plans=reserved,api"),
        ("break-even", f"--key={key}", "--between=1:900000:log", *few),
        ("sweep", f"--vary={key}=0,900000", "--reps=4", *few[2:4]),
    ):
        told = refused(other[0], article_file, *other[1:], "--out", tmp_path / "b")
        assert "holds the results of another question" in told


def test_a_frontier_asked_again_in_another_order_is_the_same_question(article_file, tmp_path):
    few = ("--reps=2", "--most-reps=2", "--set=horizon_days=10", "--plans=reserved,on_demand", f"--x={RATE}=1:14")
    key = "plans.reserved.staff.usd_per_year"
    for rows in ("50000,0", "0,50000"):
        assert here("frontier", article_file, *few, f"--y={key}={rows}", "--out", tmp_path)[0] == 0
