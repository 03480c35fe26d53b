"""Experiments of spot nodes and of serving's nights: what they state, the numbers behind their axes, what they tell."""

import json
import math
import sys

import numpy as np
import pytest
from drawings import line, texts, title
from scripts import EXPERIMENTS, script

import sim
from sim.ground.estimate import Estimate
from sim.ground.scenario import load
from sim.questions.charts import checkpoints, nights

FORMS = ("csv", "json", "png", "svg", "txt")
LOG = (
    "0,add,a\n0,add,b\n0,add,c\n7200000,remove,a\n7300000,add,d\n14400000,remove,b\n14500000,add,e\n18000000,remove,c\n"
)


@pytest.fixture(scope="module")
def spot():
    return script("spot_checkpoints")


@pytest.fixture(scope="module")
def night():
    return script("night_fill")


@pytest.fixture(scope="module")
def short():
    """The shipped day-long runs, 150 days of them."""
    return load(EXPERIMENTS / "scenarios" / "spot.yaml", {"horizon_days": 150})


@pytest.fixture(scope="module")
def rows(spot, short):
    found = spot.rows_of(short, None)
    for row in found:
        spot.simulate(row, (8.0, 32.0, 128.0), 3, 1)
    return found


@pytest.fixture(scope="module")
def on_demand(spot, short):
    study = sim.run(spot.only(short, "on_demand"), 3)
    cost = study.result["plans"]["on_demand"]["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]["mean"]
    return cost, study.outcomes["on_demand"].bills


@pytest.fixture(scope="module")
def curves(spot, rows, on_demand):
    return [spot.curve_of(row, on_demand[1]) for row in rows]


class TestSpotCheckpoints:
    def test_the_runs_are_the_day_long_ones_that_the_file_states(self, spot, short):
        assert (spot.work_h(short), spot.cost_min(short)) == (24, 2)
        assert (len(spot.INTERVALS_MIN), spot.INTERVALS_MIN[0], spot.INTERVALS_MIN[-1]) == (17, 2, 512)

    def test_a_row_a_lifetime_and_the_log_where_it_is(self, spot, short, tmp_path):
        file = tmp_path / "spot" / "bamboo" / "p3-trace.csv"
        file.parent.mkdir(parents=True)
        file.write_text(LOG)
        assert spot.find_log(tmp_path) == file
        found = spot.rows_of(short, file)
        assert [(row.name, row.rate) for row in found] == [
            ("after 2 h", 0.5), ("as in the p3 log", None), ("after 10 h", 0.1), ("after 50 h", 0.02),
        ]  # fmt: skip
        nodes = [row.scenario.plans["spot"].hired_tuning for row in found]
        assert [node.lifetime_hours and node.lifetime_hours.mean for node in nodes] == [2, None, 10, 50]
        assert [node.trace and node.trace.file for node in nodes] == [None, str(file), None, None]
        assert all(list(row.scenario.plans) == ["spot"] for row in found)

    def test_the_rate_of_a_log_is_measured(self, spot, short, tmp_path):
        file = tmp_path / "p3.csv"
        file.write_text(LOG)
        row = spot.rows_of(short, file)[1]
        spot.simulate(row, (8.0, 30.0), 2, 1)
        assert row.rate == row.plan(30.0)["nodes"]["interruptions_per_job_hour"].value > 0
        assert row.formula_min[0] in row.cells
        assert math.inf not in row.cells

    def test_expected_time_is_that_of_stretches_that_must_succeed_whole(self, spot):
        # A stretch of 2 h under one reclaim in 2 h takes (e - 1) / 0.5 h; twelve of them are a day's work.
        assert spot.expected_h(0.5, 24, 2, 0) == pytest.approx(12 * (math.e - 1) / 0.5)
        assert spot.expected_h(1e-9, 24, 2, 0.5) == pytest.approx(12 * 2.5)
        assert spot.expected_h(1e3, 24, 24, 0) > 1e100

    def test_what_would_hardly_end_is_not_simulated(self, spot, rows):
        two, ten, fifty = rows
        assert math.inf not in two.cells
        assert math.inf in ten.cells
        assert math.inf in fifty.cells
        assert {8.0, 32.0, 128.0, 0.0, *two.formula_min} == set(two.cells)
        assert (two.usd(math.inf).value, two.least in (8.0, 32.0)) == (None, True)

    def test_simulated_time_on_nodes_is_what_the_formula_expects(self, spot, rows):
        for row in rows:
            plan = row.plan(32.0)
            jobs = plan["classes"]["tuning"]["jobs"].value
            hours = plan["gpu_hours"]["allocated"].value / 8 / jobs
            # 45 stretches and their checkpoints; an interrupted one begins with 5 minutes of loading.
            loading = plan["classes"]["tuning"]["interruptions_per_job"].value * 5 / 60
            expected = spot.expected_h(row.rate, 24, 32 / 60, 2 / 60)
            assert hours - loading == pytest.approx(expected, rel=0.06)

    def test_the_formula_is_as_good_as_the_best_interval_simulated(self, spot, rows):
        for row in rows:
            cost, rate = 2 / 60, row.rate
            tau = row.formula_min[0] / 60
            # The best interval solves exp(-rate (tau + cost)) = 1 - rate tau.
            assert math.exp(-rate * (tau + cost)) == pytest.approx(1 - rate * tau, abs=1e-4)
            assert spot.dearer(row).value < 0.01

    def test_curves_are_what_the_cells_say(self, spot, rows, curves):
        for row, curve in zip(rows, curves, strict=True):
            np.testing.assert_array_equal(60 * curve.interval_h, row.swept)
            for k, minutes in enumerate(row.swept):
                plan = row.plan(minutes)
                mean = plan["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]["mean"]
                assert tuple(curve.usd[:, k]) == (mean.value, mean.low, mean.high)
                assert curve.lost[k] == plan["nodes"]["lost_gpu_h"].value / plan["gpu_hours"]["paid"].value
                assert curve.saving[k] == plan["nodes"]["recovery_gpu_h"].value / plan["gpu_hours"]["paid"].value
            assert curve.interval_h[curve.least] * 60 == row.least
            assert curve.always.value < curve.usd[0].min()

    def test_more_saving_loses_less_and_costs_more_time(self, curves):
        for curve in curves:
            assert (np.diff(curve.lost) > 0).all()
            assert (np.diff(curve.saving) < 0).all()

    def test_spot_ceases_to_win_where_its_cost_crosses_on_demand(self, spot, rows, on_demand):
        ten = rows[1]
        at = spot.crossing(ten, on_demand[1] / 3)
        places = np.log(np.array(ten.swept) / 60)
        gaps = [float((ten.cells[each].bills["spot"] - on_demand[1] / 3).mean()) for each in ten.swept]
        assert at.low < at.value < at.high
        assert np.interp(math.log(at.value), places, gaps) == pytest.approx(0, abs=1e-6 * on_demand[1].mean())
        assert spot.crossing(ten, on_demand[1]).value is None

    def test_a_row_that_does_not_end_has_no_cost(self, spot, short):
        row = spot.rows_of(short, None)[0]
        spot.fill(row, [512.0], 1, 1)
        assert row.plan(512.0)["classes"]["tuning"]["unfinished"].value > 0.02
        assert (row.usd(512.0).value, math.isnan(row.share(512.0, "lost_gpu_h"))) == (None, True)
        assert spot._cells(row, 512.0)[0] == "no end"
        assert spot._cells(row, 64.0)[0] == "no end (not simulated)"

    def test_title_verdict_and_picture_agree_with_the_curves(self, spot, rows, curves, on_demand):
        usd, _ = on_demand
        said = checkpoints.saving_finding(curves, usd, 24)
        shares = [100 * curve.usd[0, curve.least] / usd.value for curve in curves]
        every = [curve.interval_h[curve.least] for curve in curves]
        often = f"{checkpoints.span(min(every))} to {checkpoints.span(max(every))}"
        cost = f"{min(shares):.0f} to {max(shares):.0f} % of on-demand"
        start = f"Saved every {often}, a run of 24 h on spot costs {cost}".replace(" min to", " min to")
        assert said.startswith(start.replace(" h to", " to") if often.count(" h") == 2 else start)
        told = spot.verdict(rows, curves, usd, said)
        assert told.startswith(f"{said}.")
        figure = checkpoints.cost_by_interval(curves, usd, 24, "where from")
        assert title(figure) == said
        upper, lower = figure.axes
        for row, curve in zip(rows, curves, strict=True):
            np.testing.assert_array_equal(line(upper, curve.name)[1], curve.usd[0])
            np.testing.assert_array_equal(line(lower, f"{curve.name} lost")[1], 100 * curve.lost)
            np.testing.assert_array_equal(line(lower, f"{curve.name} saving")[1], 100 * curve.saving)
            assert [each[0] for each in line(upper, f"{curve.name} formula")] == [curve.best_h, curve.best_usd]
            assert line(upper, f"{curve.name} least")[0][0] * 60 == pytest.approx(row.least)
        assert set(line(upper, "on-demand")[1]) == {usd.value}
        assert "where from" in texts(figure)

    @pytest.mark.parametrize(
        ("on_demand", "never", "limit", "said"),
        [
            (100.0, None, None, "Saved every 1 to 2 h, a run of 24 h on spot costs 20 to 50 % of on-demand"),
            (100.0, 90.0, None, "Saved every 1 to 2 h, a run of 24 h on spot costs 20 to 50 % of on-demand"),
            (100.0, 120.0, None, "costs 20 to 50 % of on-demand; never saved, it can cost more than on-demand"),
            (100.0, None, 3.0, "; saved less often than every 3 h it can cost more than on-demand"),
            (
                10.0,
                None,
                None,
                "A run of 24 h on spot never beats on-demand: saved every 1 to 2 h, it costs 200 to 500 %",
            ),
        ],
    )
    def test_title_follows_the_numbers(self, on_demand, never, limit, said):
        def curve(usd, least):
            values = np.where(np.arange(3) == least, usd, 2 * usd)
            edges = {"always": Estimate(1.0), "never": Estimate(never), "limit": Estimate(limit)}
            table = {"interval_h": np.array([1.0, 2.0, 4.0]), "usd": np.array([values] * 3)}
            return checkpoints.Saving("x", **table, lost=values, saving=values, **edges, best_h=np.nan, best_usd=np.nan)

        assert said in checkpoints.saving_finding([curve(20.0, 0), curve(50.0, 1)], Estimate(on_demand), 24.0)

    def test_without_the_log_it_says_so_and_goes_on(self, spot, tmp_path, monkeypatch, capsys, short):
        monkeypatch.setenv("FLEETECON_DATA", str(tmp_path))
        monkeypatch.setattr(spot, "LIFETIMES_H", (10.0,))
        monkeypatch.setattr(spot, "INTERVALS_MIN", (16.0, 2.0, 64.0))
        monkeypatch.setattr(spot, "load", lambda _: short)
        monkeypatch.setattr(sys, "argv", ["x", "--quick", "--jobs", "1", "--out", str(tmp_path / "out")])
        spot.main()
        told = capsys.readouterr().out
        assert told.startswith("the log of spot nodes (Bamboo) is not here (see --help)")
        assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [f"spot_checkpoints.{f}" for f in FORMS]
        found = json.loads((tmp_path / "out" / "spot_checkpoints.json").read_text())
        assert f"{found['title']}." in told
        assert list(found["nodes_taken_back"]) == ["after 10 h"]
        lines = (tmp_path / "out" / "spot_checkpoints.csv").read_text().splitlines()
        assert lines[0].startswith("nodes_taken_back,interval_min,usd_a_run,")
        assert len(lines) == 1 + 5

    def test_a_folder_that_is_stated_must_hold_the_log(self, spot, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["x", "--data", str(tmp_path), "--out", str(tmp_path)])
        with pytest.raises(sim.InputError, match="--data: must be a folder that holds spot/bamboo/p3-trace"):
            spot.main()


@pytest.fixture(scope="module")
def swept(night):
    scenario = load(EXPERIMENTS / "scenarios" / "night.yaml", {"horizon_days": 63})
    return night.sweep(night.priced(scenario), (0.5, 2.0, 6.0, 9.0), 4, 1)


class TestNightFill:
    def test_the_lent_node_is_priced_against_hiring_it_by_day(self, night, swept):
        # p4d in 2023: 19.22 USD/h held for a year, 32.7726 on demand; it serves from 8 to 20 h.
        scenario = swept.grid.scenario
        a_day = 24 * night.node_usd_h(scenario, "reserved_1y") - 12 * night.node_usd_h(scenario, "on_demand")
        assert night.night_usd_per_day(scenario) == pytest.approx(a_day)
        assert a_day == pytest.approx(24 * 19.22 - 12 * 32.7726, abs=0.1)
        assert scenario.plans["shared_priced"].overhead_usd_per_year == pytest.approx(365 * a_day)
        assert night.serving_usd(scenario) == pytest.approx(2 * 19.22 * 24 * 56, rel=1e-6)

    def test_every_plan_holds_the_same_serving_fleet(self, swept):
        groups = [plan.held["chat"] for plan in swept.grid.scenario.plans.values()]
        assert {(int(group.nodes), group.rate, group.instance) for group in groups} == {
            (2, "reserved_1y", "p4d.24xlarge")
        }

    def test_what_a_run_adds_is_the_bill_beyond_serving_over_the_runs(self, night, swept):
        base = night.serving_usd(swept.grid.scenario)
        for k, cell in enumerate(swept.grid.cells):
            for name, plan in cell.result["plans"].items():
                extra = plan["bill_usd"]["total"].value - base
                jobs = plan["classes"]["tuning"]["jobs"].value
                assert swept.added[name][k].value == pytest.approx(extra / jobs, abs=1e-6)

    def test_nights_add_nothing_and_priced_ones_their_price(self, night, swept):
        for k, cell in enumerate(swept.grid.cells):
            assert swept.added["shared"][k].value == 0
            jobs = cell.result["plans"]["shared"]["classes"]["tuning"]["jobs"].value
            price = night.night_usd_per_day(swept.grid.scenario) * 56
            assert swept.added["shared_priced"][k].value == pytest.approx(price / jobs, rel=1e-6)
            same = [cell.result["plans"][name]["classes"]["tuning"]["wait_h"] for name in ("shared", "shared_priced")]
            assert same[0] == same[1]

    def test_by_the_run_and_the_api_are_what_each_run_costs(self, swept):
        for name in ("on_demand", "api", "separate"):
            for k, cell in enumerate(swept.grid.cells):
                loaded = cell.result["plans"][name]["classes"]["tuning"]["cost_per_job_usd"]["fully_loaded"]["mean"]
                assert swept.added[name][k].value == pytest.approx(loaded.value, rel=1e-6)

    def test_runs_wait_for_the_night_and_too_many_do_not_fit(self, swept):
        shared, own = swept.way("shared"), swept.way("separate")
        assert (shared.wait_p95_h > own.wait_p95_h)[:2].all()
        assert list(shared.does) == [True, True, False, False]
        assert swept.way("shared_then_api").does.all()
        assert (swept.way("shared_then_api").wait_p95_h <= 20).all()
        assert np.isnan(shared.shown(shared.added[0])[2:]).all()

    def test_break_evens_are_those_of_the_grid(self, night, swept):
        own, priced = (swept.meeting(plan, "on_demand").at for plan in ("separate", "shared_priced"))
        assert own == swept.grid.break_even("separate", "on_demand")["at"]
        # A held node costs 461.28 USD a day, a run by the hour 2.1 h at 32.77.
        assert own.value == pytest.approx(461.28 / (2.1 * 32.7726), rel=0.1)
        assert priced.value == pytest.approx(68.01 / (2.1 * 32.7726), rel=0.3)
        assert swept.meeting("separate", "api").at is None
        assert swept.meeting("shared", "on_demand").at is None
        told = night.moved(swept)
        assert f"from {night.with_interval(own)} runs a day to below 0.5" in told
        assert f"; to {night.with_interval(priced)} where the nights are priced" in told
        assert night.reach(swept).startswith("The nights suffice up to 2 runs a day: 95 % start within ")

    def test_title_verdict_and_picture_agree_with_the_sweep(self, night, swept):
        own = swept.meeting("separate", "on_demand")
        said = night.title_of(swept)
        assert said == (
            "A fine-tune in serving's nights adds nothing to the bill, up to 2 a day; "
            f"a node of its own beats on-demand above {own.at.value:.1f} a day, never the API"
        )
        assert night.verdict(swept).startswith(f"{said}.")
        assert night.TIMELESS in night.verdict(swept)
        ways = [swept.way(plan) for plan in night.NAMES]
        figure = nights.runs_beside_serving(swept.per_day, ways, [own], 24.0, "where from", title=said)
        upper, lower = figure.axes
        for way in ways:
            x, y = line(upper, way.name)
            np.testing.assert_array_equal(x, [0.5, 2, 6, 9])
            np.testing.assert_array_equal(y, np.where(way.does, way.added[0], np.nan))
        for plan in ("separate", "shared", "api"):
            way = swept.way(plan)
            np.testing.assert_array_equal(line(lower, way.name)[1], np.where(way.does, way.wait_p95_h, np.nan))
        assert not [each for each in lower.lines if each.get_label() == "nights, priced"]
        assert line(upper, "a node of its own = on-demand")[0][0] == own.at.value
        assert (title(figure), upper.get_xlim()) == (said, lower.get_xlim())
        assert any(text.startswith("a node of its own =\non-demand: ") for text in texts(figure))

    @pytest.mark.parametrize(
        ("added", "does", "by_run", "by_api", "said"),
        [
            (
                0.0,
                (1, 1),
                6.6,
                None,
                "adds nothing to the bill, up to 4 a day; own beats hired above 6.6 a day, never api",
            ),
            (
                3.0,
                (1, 0),
                6.6,
                8.0,
                "adds at most 3 USD to the bill, up to 1 a day; own beats hired above 6.6 and api above 8",
            ),
            (0.0, (1, 1), None, None, "up to 4 a day; own never beats hired or api"),
            (0.0, (0, 0), None, None, "In the nights of the serving fleet fine-tunes nowhere start in time"),
        ],
    )
    def test_title_follows_the_numbers(self, added, does, by_run, by_api, said):
        def way(name):
            return nights.Way(name, np.full((3, 2), added), np.ones(2), np.array(does, dtype=bool))

        def meeting(other, at):
            return nights.Meeting("own", other, None if at is None else Estimate(at))

        per_day = np.array([1.0, 4.0])
        ends = (meeting("hired", by_run), meeting("api", by_api))
        assert said in nights.nights_finding(per_day, way("nights"), way("own"), *ends)

    def test_the_script_writes_what_it_tells(self, night, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(night, "RATES", (0.5, 1.0, 2.0, 4.0, 7.0))
        monkeypatch.setattr(sys, "argv", ["x", "--quick", "--jobs", "1", "--out", str(tmp_path)])
        night.main()
        shown = capsys.readouterr()
        assert sorted(file.name for file in tmp_path.iterdir()) == [f"night_fill.{form}" for form in FORMS]
        found = json.loads((tmp_path / "night_fill.json").read_text())
        assert f"{found['title']}." in shown.out
        assert "3 of 3 rates" in shown.err
        lines = (tmp_path / "night_fill.csv").read_text().splitlines()
        assert len(lines) == 1 + 3 * 6
        pair = found["break_even_runs_a_day"][0]
        assert pair["plans"] == ["separate", "on_demand"]
        assert f"from {pair['at']['value']:.2f} [" in shown.out
