"""Charts: what is drawn is what the results say; titles and labels are computed."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from drawings import ROWS, line, texts, title, world
from studies import RATE

from sim.ground.faults import InputError
from sim.ground.scenario import as_values, build
from sim.ground.scenario.tree import Tree
from sim.questions import charts
from sim.questions.charts import words
from sim.study import run


@pytest.fixture(scope="module")
def drawn(chart_grid):
    return charts.cost_percentiles(chart_grid)


@pytest.fixture(scope="module")
def study():
    return run(world(), replications=4)


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
    def test_curves_are_the_results_where_the_plan_is_eligible(self, chart_grid, drawn, plan, which):
        x, y = line(drawn.axes[0], f"{plan} {which}")
        np.testing.assert_array_equal(x, [1, 3, 6, 9, 12])
        np.testing.assert_array_equal(y, of(chart_grid, plan, which))
        assert np.isnan(y[-1]) == (plan == "reserved")

    def test_the_band_lies_between_the_5th_and_95th_percentile(self, chart_grid):
        figure = charts.cost_percentiles(chart_grid, plans=["api"])
        (band,) = [each for each in figure.axes[0].collections if len(each.get_paths()[0].vertices) > 8]
        corners = band.get_paths()[0].vertices
        assert {*of(chart_grid, "api", "p5"), *of(chart_grid, "api", "p95")} <= set(corners[:, 1])

    def test_waits_stand_below_on_the_same_axis(self, chart_grid, drawn):
        upper, lower = drawn.axes
        for which in ("mean", "p95"):
            np.testing.assert_array_equal(
                line(lower, f"reserved {which}")[1], of(chart_grid, "reserved", which, "wait_h")
            )
        assert upper.get_xlim() == lower.get_xlim()
        assert not [each for each in lower.lines if "api" in str(each.get_label())]

    def test_title_tells_break_even_and_capacity(self, chart_grid, drawn):
        at = chart_grid.break_even("reserved", "on_demand")["at"].value
        told = title(drawn)
        assert told == f"Reserved never beats API below its capacity of 12 a day; it beats on-demand above {at:.3g}"

    def test_title_names_the_cheapest_where_nothing_changes(self, chart_grid):
        figure = charts.cost_percentiles(chart_grid, plans=["on_demand", "api"])
        assert title(figure) == "API is the cheapest plan: on-demand never beats it from 1 to 12 a day"
        assert title(charts.cost_percentiles(chart_grid, title="Said _by_ $hand$")) == "Said _by_ $hand$"

    def test_break_even_is_marked_with_its_interval(self, chart_grid, drawn):
        at = chart_grid.break_even("reserved", "on_demand")["at"]
        assert f"reserved = on-demand\nat {words.around(at, ' a day')}" in texts(drawn)
        places = [each.get_xdata()[0] for each in drawn.axes[0].lines if len(set(each.get_xdata())) == 1]
        assert at.value in places

    def test_beyond_capacity_is_hatched_and_said(self, drawn):
        assert "cannot be served by reserved" in texts(drawn)
        (beyond,) = [each for each in drawn.axes[0].patches if each.get_hatch()]
        assert beyond.get_x() == pytest.approx(12)

    def test_figures_to_hold_against_are_drawn(self, chart_grid, drawn):
        figure = charts.cost_percentiles(chart_grid, points=[(12, 84.1, "a claim")], strips=[(4, 12, "4 to 12")])
        assert {"a claim", "4 to 12"} <= set(texts(figure))
        assert any(list(each.get_ydata()) == [84.1] for each in figure.axes[0].lines)
        assert not {"a claim", "4 to 12"} & set(texts(drawn))

    def test_footer_says_where_the_numbers_come_from(self, drawn):
        foot = drawn.texts[2].get_text()
        assert foot == (
            "scenario article, seed 2023; interval: 95 %, 4 replications of 60 days; "
            "allocation: by GPU time within 30 days; prices of 2023-10-01"
        )

    def test_utilization_stands_on_top(self, chart_grid, drawn):
        (top,) = drawn.axes[0].child_axes
        used = [cell.result["plans"]["reserved"]["utilization"]["allocated"].value for cell in chart_grid.cells][:4]
        shown = [float(text.get_text().removesuffix(" %")) for text in top.get_xticklabels()]
        np.testing.assert_allclose(np.interp(top.get_xticks(), [1, 3, 6, 9], used) * 100, shown, atol=0.5)
        assert len(shown) >= 4

    @pytest.mark.parametrize("swap", [False, True])
    def test_labels_do_not_overlap(self, chart_grid, swap):
        plans = ["reserved", "on_demand", "api"]
        figure = charts.cost_percentiles(
            chart_grid,
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

    def test_refusals(self, chart_grid):
        with pytest.raises(InputError, match="`chat` is not a class here; choose from tuning"):
            charts.cost_percentiles(chart_grid, "chat")
        with pytest.raises(InputError, match="`spot` is not a plan here; choose from reserved, on_demand, api"):
            charts.cost_percentiles(chart_grid, plans=["spot"])
        both = SimpleNamespace(
            scenario=chart_grid.scenario, cells=chart_grid.cells, vary={RATE: [1, 2], "horizon_days": [1, 2]}
        )
        with pytest.raises(InputError, match="must have one swept key on its axis, got"):
            charts.cost_percentiles(both)


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
    def test_money_and_utilization_are_the_results(self, chart_grid):
        upper, lower = charts.idle_money(chart_grid).axes
        plans = [cell.result["plans"]["reserved"] for cell in chart_grid.cells][:4]
        used = [100 * plan["utilization"]["allocated"].value for plan in plans]
        idle = [plan["bill_usd"]["held_idle"].value * 365 / 60 for plan in plans]
        np.testing.assert_allclose(line(upper, "reserved")[1], [*used, np.nan])
        np.testing.assert_allclose(line(lower, "reserved")[1], [*idle, np.nan])
        assert [each.get_label() for each in lower.lines if each.get_label() == "on_demand"] == []

    def test_title_tells_both_ends(self, chart_grid):
        first, last = (
            chart_grid.cells[k].result["plans"]["reserved"]["bill_usd"]["held_idle"].value * 365 / 60 for k in (0, 3)
        )
        told = title(charts.idle_money(chart_grid, "reserved"))
        start = (
            rf"Reserved pays {words.rough(first)} USD a year for idle GPUs at 1 a day \(\d+ % of what its GPUs cost\), "
        )
        assert re.fullmatch(start + rf"{words.rough(last)} at 9 a day \(\d+ %\)", told)


def test_assumptions_are_dots_where_they_should_be():
    figure = charts.cost_by_assumption(ROWS, [(4, 12, "the API")])
    axes = figure.axes[0]
    assert [list(line(axes, f"{row[0]} full")[0]) for row in ROWS] == [[84.10], [3.34], [1.53]]
    assert list(line(axes, "slow, $_8_ GPUs$ simulated")[0]) == [168.0]
    assert list(line(axes, "slow, $_8_ GPUs$ interval")[0]) == [160.0, 176.0]
    assert {"assumed", "measured", "list price", "the API", "84.10", "168", "4.20"} <= set(texts(figure))
    assert title(figure) == "2 of 3 cost at most 12 USD: from 168 USD (slow, $_8_ GPUs$) to 1.53 (fastest)"
    assert title(charts.cost_by_assumption([])) == "No cost is known under any of these assumptions"
