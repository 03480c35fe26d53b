"""Charts: what is drawn is what the results say; titles and labels are computed; files are the same bytes each time."""

import re
import threading
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from worlds import ARTICLE

from sim import charts
from sim.charts import place, style, words
from sim.estimate import Estimate
from sim.faults import InputError
from sim.scenario import as_values, build
from sim.scenario.tree import Tree, read_text
from sim.study import run, sweep

RATE = "workload.tuning.arrivals.rate_per_day"
NODE = {"instance": "p4d.24xlarge", "rate": "reserved_1y"}
OFFER = {"offer": "openai_2023_08"}


STAFF = {"engineers": 1, "usd_per_year": 200_000}


def world(**changes):
    text = ARTICLE.replace("tokens_millions: 1", "tokens_millions: {law: lognormal, mean: 1, cv: 0.5}")
    values = read_text(text, "x").values
    values["plans"]["on_demand"]["staff"] = STAFF
    return build(Tree({**values, "horizon_days": 60, **changes}, file="x"))


@pytest.fixture(scope="module")
def grid():
    return sweep(world(), {RATE: [1, 3, 6, 9, 12]}, replications=4)


@pytest.fixture(scope="module")
def drawn(grid):
    return charts.cost_percentiles(grid)


@pytest.fixture(scope="module")
def study():
    return run(world(), replications=4)


def line(axes, label):
    found = [each for each in axes.lines if each.get_label() == label]
    assert len(found) == 1, label
    return np.asarray(found[0].get_xdata(), float), np.asarray(found[0].get_ydata(), float)


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text")) if text.get_text()]


def title(figure):
    return figure.texts[0].get_text().replace("\n", " ")


def of(grid, plan, which, part="cost_per_job_usd"):
    found = []
    for cell in grid.cells:
        each = cell.result["plans"][plan]
        values = each["classes"]["tuning"][part]
        values = values["fully_loaded"] if part == "cost_per_job_usd" else values
        found.append(values[which].value if each["eligible"] else np.nan)
    return np.array(found, dtype=float)


class TestCostPercentiles:
    @pytest.mark.parametrize("plan", ["reserved", "on_demand", "api"])
    @pytest.mark.parametrize("which", ["p5", "p50", "p95", "mean"])
    def test_curves_are_the_results_where_the_plan_is_eligible(self, grid, drawn, plan, which):
        x, y = line(drawn.axes[0], f"{plan} {which}")
        np.testing.assert_array_equal(x, [1, 3, 6, 9, 12])
        np.testing.assert_array_equal(y, of(grid, plan, which))
        assert np.isnan(y[-1]) == (plan == "reserved")

    def test_the_band_lies_between_the_5th_and_95th_percentile(self, grid):
        figure = charts.cost_percentiles(grid, plans=["api"])
        (band,) = [each for each in figure.axes[0].collections if len(each.get_paths()[0].vertices) > 8]
        corners = band.get_paths()[0].vertices
        assert {*of(grid, "api", "p5"), *of(grid, "api", "p95")} <= set(corners[:, 1])

    def test_waits_stand_below_on_the_same_axis(self, grid, drawn):
        upper, lower = drawn.axes
        for which in ("mean", "p95"):
            np.testing.assert_array_equal(line(lower, f"reserved {which}")[1], of(grid, "reserved", which, "wait_h"))
        assert upper.get_xlim() == lower.get_xlim()
        assert not [each for each in lower.lines if "api" in str(each.get_label())]

    def test_title_tells_break_even_and_capacity(self, grid, drawn):
        at = grid.break_even("reserved", "on_demand")["at"].value
        told = title(drawn)
        assert told == f"Reserved never beats API below its capacity of 12 a day; it beats on-demand above {at:.3g}"

    def test_title_names_the_cheapest_where_nothing_changes(self, grid):
        figure = charts.cost_percentiles(grid, plans=["on_demand", "api"])
        assert title(figure) == "API is the cheapest plan: on-demand never beats it from 1 to 12 a day"
        assert title(charts.cost_percentiles(grid, title="Said _by_ $hand$")) == "Said _by_ $hand$"

    def test_break_even_is_marked_with_its_interval(self, grid, drawn):
        at = grid.break_even("reserved", "on_demand")["at"]
        assert f"reserved = on-demand\nat {words.around(at, ' a day')}" in texts(drawn)
        places = [each.get_xdata()[0] for each in drawn.axes[0].lines if len(set(each.get_xdata())) == 1]
        assert at.value in places

    def test_beyond_capacity_is_hatched_and_said(self, drawn):
        assert "cannot be served by reserved" in texts(drawn)
        (beyond,) = [each for each in drawn.axes[0].patches if each.get_hatch()]
        assert beyond.get_x() == pytest.approx(12)

    def test_figures_to_hold_against_are_drawn(self, grid, drawn):
        figure = charts.cost_percentiles(grid, points=[(12, 84.1, "a claim")], strips=[(4, 12, "4 to 12")])
        assert {"a claim", "4 to 12"} <= set(texts(figure))
        assert any(list(each.get_ydata()) == [84.1] for each in figure.axes[0].lines)
        assert not {"a claim", "4 to 12"} & set(texts(drawn))

    def test_footer_says_where_the_numbers_come_from(self, drawn):
        foot = drawn.texts[2].get_text()
        assert foot == (
            "scenario article, seed 2023; interval: 95 %, 4 replications of 60 days; "
            "allocation: by GPU time within 30 days; prices of 2023-10-01"
        )

    def test_utilization_stands_on_top(self, grid, drawn):
        (top,) = drawn.axes[0].child_axes
        used = [cell.result["plans"]["reserved"]["utilization"]["allocated"].value for cell in grid.cells][:4]
        shown = [float(text.get_text().removesuffix(" %")) for text in top.get_xticklabels()]
        np.testing.assert_allclose(np.interp(top.get_xticks(), [1, 3, 6, 9], used) * 100, shown, atol=0.5)
        assert len(shown) >= 4

    @pytest.mark.parametrize("swap", [False, True])
    def test_labels_do_not_overlap(self, grid, swap):
        plans = ["reserved", "on_demand", "api"]
        figure = charts.cost_percentiles(
            grid,
            plans=plans[::-1] if swap else plans,
            points=[(12, 84.1, "a claim of some length")],
            strips=[(4, 12, "4 to 12")],
        )
        figure.draw_without_rendering()
        for axes in figure.axes:
            boxes = [text.get_window_extent() for text in axes.texts]
            assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
        for text in figure.findobj(lambda each: hasattr(each, "get_text")):
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                assert min(box.x0, box.y0) >= 0, text
                assert np.all(box.max <= figure.bbox.max), text

    def test_refusals(self, grid):
        with pytest.raises(InputError, match="`chat` is not a class here; choose from tuning"):
            charts.cost_percentiles(grid, "chat")
        with pytest.raises(InputError, match="`spot` is not a plan here; choose from reserved, on_demand, api"):
            charts.cost_percentiles(grid, plans=["spot"])
        both = SimpleNamespace(scenario=grid.scenario, cells=grid.cells, vary={RATE: [1, 2], "horizon_days": [1, 2]})
        with pytest.raises(InputError, match="must have one swept key on its axis, got"):
            charts.cost_percentiles(both)


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


def test_a_long_name_is_broken_once():
    assert words.two_lines("on-demand") == "on-demand"
    assert words.two_lines("held by the month in the cheapest region") == "held by the month in\nthe cheapest region"
    assert words.two_lines("x" * 60) == "x" * 30 + "\n" + "x" * 30


def test_whole_numbers_on_every_axis():
    assert [words.plain(value) for value in (0.5, 1, 2, 10, 1000, 12.04, 0.001, 161366)] == [
        "0.5", "1", "2", "10", "1,000", "12", "0.001", "161,366",
    ]  # fmt: skip
    assert style.log_ticks(0.5, 12, 9) == [0.5, 1, 2, 5, 10]
    assert style.log_ticks(1, 4.2, 9) == [1, 2, 3, 4]


class TestDistribution:
    def test_marks_are_the_results(self, study):
        axes = charts.cost_distribution(study).axes[0]
        for plan in study.scenario.plans:
            cost = study.result["plans"][plan]["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]
            assert list(line(axes, f"{plan} p5 to p95")[0]) == [cost["p5"].value, cost["p95"].value]
            assert set(line(axes, f"{plan} p50")[0]) == {cost["p50"].value}
            assert list(line(axes, f"{plan} mean")[0]) == [cost["mean"].value]
            assert words.usd(cost["p50"].value) in texts(axes.figure)

    def test_title_is_computed(self, study):
        costs = {
            plan: each["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]
            for plan, each in study.result["plans"].items()
        }
        half, tail = costs["api"]["p50"].value, max(cost["p95"].value for cost in costs.values())
        told = title(charts.cost_distribution(study))
        assert told.startswith(f"Under API, half of the runs cost less than {words.usd(half)} USD; under ")
        assert told.endswith(f", 1 in 20 costs over {words.usd(tail)}")

    @pytest.mark.parametrize("rate", [0, 6])
    def test_no_jobs_and_one_replication(self, rate):
        values = as_values(world())
        values["workload"]["tuning"]["arrivals"]["rate_per_day"] = rate
        figure = charts.cost_distribution(run(build(Tree(values, file="x")), replications=1))
        assert (title(figure) == "No run of this class arrived, so no cost is known") == (rate == 0)
        assert "so no interval" in figure.texts[2].get_text()


class TestIdle:
    def test_money_and_utilization_are_the_results(self, grid):
        upper, lower = charts.idle_money(grid).axes
        plans = [cell.result["plans"]["reserved"] for cell in grid.cells][:4]
        used = [100 * plan["utilization"]["allocated"].value for plan in plans]
        idle = [plan["bill_usd"]["held_idle"].value * 365 / 60 for plan in plans]
        np.testing.assert_allclose(line(upper, "reserved")[1], [*used, np.nan])
        np.testing.assert_allclose(line(lower, "reserved")[1], [*idle, np.nan])
        assert [each.get_label() for each in lower.lines if each.get_label() == "on_demand"] == []

    def test_title_tells_both_ends(self, grid):
        first, last = (
            grid.cells[k].result["plans"]["reserved"]["bill_usd"]["held_idle"].value * 365 / 60 for k in (0, 3)
        )
        told = title(charts.idle_money(grid, "reserved"))
        start = (
            rf"Reserved pays {words.rough(first)} USD a year for idle GPUs at 1 a day \(\d+ % of what its GPUs cost\), "
        )
        assert re.fullmatch(start + rf"{words.rough(last)} at 9 a day \(\d+ %\)", told)


ROWS = [
    ("slow, $_8_ GPUs$", 84.10, Estimate(168.0, 160.0, 176.0, 4.0, 40), "assumed"),
    ("fast", 3.34, Estimate(4.2), "measured"),
    ("fastest", 1.53, None, "list price"),
]


def test_assumptions_are_dots_where_they_should_be():
    figure = charts.cost_by_assumption(ROWS, [(4, 12, "the API")])
    axes = figure.axes[0]
    assert [list(line(axes, f"{row[0]} full")[0]) for row in ROWS] == [[84.10], [3.34], [1.53]]
    assert list(line(axes, "slow, $_8_ GPUs$ simulated")[0]) == [168.0]
    assert list(line(axes, "slow, $_8_ GPUs$ interval")[0]) == [160.0, 176.0]
    assert {"assumed", "measured", "list price", "the API", "84.10", "168", "4.20"} <= set(texts(figure))
    assert title(figure) == "2 of 3 cost at most 12 USD: from 168 USD (slow, $_8_ GPUs$) to 1.53 (fastest)"
    assert title(charts.cost_by_assumption([])) == "No cost is known under any of these assumptions"


def test_saved_files_are_the_same_each_time(grid, tmp_path):
    first = charts.save(charts.cost_percentiles(grid), tmp_path / "a" / "new", "cost")
    with style.theme():
        again = charts.save(charts.cost_percentiles(grid), tmp_path / "b", "cost")
    assert [file.name for file in first] == ["cost.png", "cost.svg"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]
    assert sorted(each.name for each in (tmp_path / "b").iterdir()) == ["cost.png", "cost.svg"]


def test_svg_keeps_text_and_no_formula(tmp_path):
    _, svg = charts.save(charts.cost_by_assumption(ROWS), tmp_path, "rows")
    drawn = svg.read_text(encoding="utf-8")
    assert ">slow, $_8_ GPUs$</text>" in drawn
    assert "<dc:date>" not in drawn
    assert "Matplotlib v" not in drawn


def test_png_has_no_version_and_is_crisp(tmp_path):
    png, _ = charts.save(charts.cost_by_assumption(ROWS), tmp_path, "rows")
    with Image.open(png) as image:
        assert image.size[0] == 1350
        assert "Software" not in image.info


def test_settings_of_the_user_neither_matter_nor_change(tmp_path):
    import matplotlib

    plain_files = charts.save(charts.cost_by_assumption(ROWS), tmp_path, "plain")
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        others = charts.save(charts.cost_by_assumption(ROWS), tmp_path, "other")
        assert matplotlib.rcParams["font.size"] == 30
    assert [file.read_bytes() for file in plain_files] == [file.read_bytes() for file in others]


def test_threads_draw_the_same(tmp_path):
    def draw(name):
        charts.save(charts.cost_by_assumption(ROWS), tmp_path, name)

    workers = [threading.Thread(target=draw, args=(name,)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_failed_drawing_leaves_the_old_file(tmp_path):
    (tmp_path / "x.png").write_bytes(b"old")
    figure = charts.cost_by_assumption(ROWS)
    figure.savefig = lambda *_, **__: 1 / 0
    with pytest.raises(ZeroDivisionError):
        charts.save(figure, tmp_path, "x")
    assert [file.name for file in tmp_path.iterdir()] == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == b"old"


def test_neighbouring_plans_differ_in_grey():
    found = list(style.looks([f"plan_{k}" for k in range(8)]).values())
    grey = [np.dot(to_rgb(each.colour), (0.299, 0.587, 0.114)) for each in found]
    assert min(abs(a - b) for a, b in pairwise(grey)) > 0.08
    assert len({each.marker for each in found}) == 8


def test_labels_are_moved_apart_as_little_as_may_be():
    np.testing.assert_allclose(place.spread(np.array([0.5, 0.5, 0.1]), 0.1, 0, 1), [0.45, 0.55, 0.1])
    np.testing.assert_allclose(place.spread(np.array([0.99, 0.98]), 0.1, 0, 1), [1.0, 0.9])
    np.testing.assert_allclose(place.spread(np.array([0.2, 0.8]), 0.1, 0, 1), [0.2, 0.8])


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(7.031, 7.012, 7.048, 0.01, 40), "7.03 a day (7.01 to 7.05)"),
        (Estimate(7.031, n=1), "7.03 a day"),
        (Estimate(1234.5, 1000.0, 1500.0, 100.0, 9), "1,234 a day (1,000 to 1,500)"),
        (Estimate(None), "n/a"),
    ],
)
def test_an_estimate_is_written_in_the_digits_it_bears(estimate, text):
    assert words.around(estimate, " a day") == text
