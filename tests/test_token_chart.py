"""Charts of serving: cost of tokens along a rate, time to the first token, cost of 1,000 requests."""

import numpy as np
import pytest
from test_charts import line, texts, title
from worlds import ARTICLE

from sim.ground.faults import InputError
from sim.ground.scenario import build
from sim.ground.scenario.tree import Tree, read_text
from sim.questions import charts
from sim.questions.charts import Benchmark, load, words
from sim.questions.charts.reading import Sweep
from sim.study import run, sweep

RATE = "workload.chat.arrivals.rate_per_second"
RATES = [0.5, 2, 4, 6, 9, 9.9, 14]
API = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 2, "ttft_s": 0.2}
# One request at a time, 50 iterations of 2 ms: 10 requests a second and no more.
SERVE = {"base_ms": 2, "kv_tokens": 1000, "max_num_seqs": 1, "token_budget": 100}


def world(**changes):
    """One replica for 3.6 USD an hour: 0.001 USD a second. A request: 10 tokens in, 50 out; 110 USD a million at it."""
    held = {"node": {"gpus": 1, "usd_per_node_h": 3.6, "nodes": 1, "serve": SERVE}}
    values = {
        "name": "small",
        "seed": 4,
        "horizon_days": 0.004,
        "warm_up_days": 0,
        "equal_work": {"ttft_p95_s": 0.5},
        "workload": {
            "chat": {
                "kind": "inference",
                "arrivals": {"law": "poisson", "rate_per_second": 4},
                "tokens": {"pairs": [[10, 50]]},
            }
        },
        "plans": {
            "own": {"held": held},
            "hybrid": {"held": {"node": {**held["node"], "serve": {**SERVE, "overflow_above": 3}}}, "api": API},
            "api": {"api": {**API, "usd_per_million_output_tokens": 4.8}},  # 5 USD a million: equal at 4 a second
        },
        **changes,
    }
    return build(Tree(values))


def elastic(days, load_minutes=1):
    """The small world with up to 3 hired nodes: one for every 2 requests that are there."""
    scale = {"target": 2, "maximum": 3, "tick_s": 1, "load_minutes": load_minutes, "cool_down_minutes": 0.5}
    hired = {"node": {"gpus": 1, "usd_per_node_h": 3.6, "serve": {**SERVE, "autoscale": scale}}}
    held = {"node": {"gpus": 1, "usd_per_node_h": 3.6, "nodes": 1, "serve": SERVE}}
    plans = {"own": {"held": held}, "api": {"api": {**API, "usd_per_million_output_tokens": 4.8}}}
    level = {"ttft_p95_s": 0.5, "not_started_share": 0.05}  # few requests: one that comes last is a few percent
    return world(horizon_days=days, equal_work=level, plans={**plans, "autoscaled": {"hired": hired}})


@pytest.fixture(scope="module")
def grid():
    return sweep(world(), {RATE: RATES}, replications=12)


@pytest.fixture(scope="module")
def drawn(grid):
    return charts.cost_per_token(grid)


def of(grid, plan, *keys):
    found = []
    for cell in grid.cells:
        value = cell.result["plans"][plan]["classes"]["chat"]
        for key in keys:
            value = value[key]
        found.append(value.value)
    return np.array(found, dtype=float)


class TestCostPerToken:
    def test_lines_are_the_results_where_the_plan_does_the_work(self, grid, drawn):
        for plan in ("own", "hybrid", "api"):
            fit = np.array([cell.result["plans"][plan]["eligible"] for cell in grid.cells])
            x, y = line(drawn.axes[0], plan)
            np.testing.assert_array_equal(x, RATES)
            np.testing.assert_array_equal(y, np.where(fit, of(grid, plan, "usd_per_million_output_tokens"), np.nan))
        own = line(drawn.axes[0], "own")[1]
        assert own[2] == pytest.approx(0.001 / (4 * 50) * 1e6, rel=0.05)

    def test_dashed_where_the_level_breaks_and_nothing_beyond_capacity(self, grid, drawn):
        whole, late = line(drawn.axes[0], "own")[1], line(drawn.axes[0], "own late")[1]
        cost = of(grid, "own", "usd_per_million_output_tokens")
        broken = of(grid, "own", "ttft_s", "all", "p95") > 0.5
        assert broken.tolist() == [False] * 4 + [True] * 3
        np.testing.assert_array_equal(np.isnan(whole), broken)
        np.testing.assert_array_equal(late[3:6], cost[3:6])  # begins at the last point that meets the level
        assert np.isnan(late[[0, 1, 2, 6]]).all()

    def test_beyond_capacity_is_hatched_from_where_it_ends(self, drawn):
        for axes in drawn.axes:
            (beyond,) = [each for each in axes.patches if each.get_hatch()]
            assert beyond.get_x() == pytest.approx(10, rel=0.02)
        assert "cannot be served by own" in texts(drawn)

    def test_load_stands_on_top(self, grid, drawn):
        (top,) = drawn.axes[0].child_axes
        capacity = load.carried(grid.scenario, "own", "chat", RATE)
        assert capacity == pytest.approx(10, rel=0.02)
        shown = [float(text.get_text().removesuffix(" %")) for text in top.get_xticklabels()]
        np.testing.assert_allclose(np.array(top.get_xticks()) / capacity * 100, shown)
        assert 100 in shown

    def test_break_even_is_marked_once_for_plans_that_share_it(self, grid, drawn):
        at = grid.break_even("own", "api")["at"]
        assert 3.7 < at.value < 4.3
        places = [each.get_xdata()[0] for each in drawn.axes[0].lines if len(set(each.get_xdata())) == 1]
        assert at.value in places
        named = [text for text in texts(drawn) if f"at {words.around(at, ' a second')}" in text]
        assert len(named) == 1
        assert named[0].startswith("own")

    def test_title_says_load_and_how_dear_idle_tokens_are(self, grid, drawn):
        at = grid.break_even("own", "api")["at"].value
        costs = [of(grid, plan, "usd_per_million_output_tokens")[0] for plan in ("own", "api")]
        times, share = words.plain(costs[0] / costs[1], 2), 100 * at / load.carried(grid.scenario, "own", "chat", RATE)
        assert title(drawn) == (
            f"Self-hosted tokens are cheap only on a well used fleet: own beats API above {at:.3g} a second, "
            f"{share:.0f} % of its capacity; at 0.5 a second it costs {times} times as much"
        )

    def test_title_where_own_never_or_always_wins(self):
        key = "plans.api.api.usd_per_million_output_tokens"
        for price, start in ((0, "Own never beats API below its capacity of "), (1e5, "Own beats API at every value")):
            values = build_values(price, key)
            assert title(charts.cost_per_token(sweep(values, {RATE: [2, 6]}, 3))).startswith(start)
        idle = charts.cost_per_token(sweep(build_values(0, key), {RATE: [1, 2]}, 3))  # says nothing of what was not run
        assert title(idle).startswith("Own never beats API from 1 to 2 a second")
        only = charts.cost_per_token(sweep(world(), {RATE: [2, 4]}, 3), plans=["api"])
        assert title(only).startswith("USD per million output tokens: API 5 to 5")

    def test_first_tokens_stand_below_with_their_level(self, grid, drawn):
        lower = drawn.axes[1]
        seconds = of(grid, "hybrid", "ttft_s", "all", "p95")
        fit = [cell.result["plans"]["hybrid"]["eligible"] for cell in grid.cells]
        np.testing.assert_array_equal(line(lower, "hybrid")[1], np.where(fit, seconds, np.nan))
        assert any(list(each.get_ydata()) == [0.5, 0.5] for each in lower.lines)
        assert "level: 95 % within 0.5 s" in texts(drawn)
        assert drawn.axes[0].get_xlim() == lower.get_xlim()

    def test_measured_runs_are_drawn_where_they_were_measured(self, grid):
        runs = [Benchmark(1, 21, 20, (0.1, 0.2)), Benchmark(20, 2, None, (0.3, 3))]
        figure = charts.cost_per_token(grid, measured=runs, strips=[(3, 6, "prices")], note="errors are told")
        upper, lower = figure.axes
        dots = [(*each.get_xdata(), *each.get_ydata()) for each in upper.lines if each.get_label() == "measured"]
        assert dots == [(1, 21), (20, 2)]
        assert [tuple(each.get_ydata()) for each in upper.lines if each.get_label() == "simulated run"] == [(20,)]
        bars = [tuple(each.get_ydata()) for each in lower.lines if each.get_label() == "measured p90 to p99"]
        assert bars == [(0.1, 0.2), (0.3, 3)]
        assert "errors are told" in figure.texts[1].get_text()
        assert upper.get_xlim()[1] > 20

    def test_hired_nodes_are_dashed_where_they_boot_and_told_of_where_own_is_full(self):
        boots = sweep(elastic(0.05), {RATE: [0.002, 0.02, 0.2]}, 4)
        late = line(charts.cost_per_token(boots).axes[0], "autoscaled late")[1]
        usd = of(boots, "autoscaled", "usd_per_million_output_tokens")
        assert late[0] == usd[0]
        seconds, times = (
            of(boots, "autoscaled", "ttft_s", "all", "p95")[0],
            of(boots, "own", "usd_per_million_output_tokens")[0] / usd[0],
        )
        assert 60 < seconds < 120  # loads for one minute
        assert title(charts.cost_per_token(boots)).endswith(
            f"autoscaled is {words.plain(times, 2)} times cheaper than own at 0.002 a second, "
            f"but its first token takes {words.plain(seconds, 2)} s"
        )
        full = sweep(elastic(0.004, load_minutes=0), {RATE: [2, 4, 15]}, 4)
        ratio = of(full, "autoscaled", "usd_per_million_output_tokens")[2] / 5  # the API: 5 USD
        assert not full.cells[2].result["plans"]["own"]["eligible"]
        assert title(charts.cost_per_token(full)).endswith(
            f"beyond that capacity autoscaled costs {words.plain(ratio, 2)} times as much as API"
        )

    def test_breaks_are_marked_against_the_api_alone(self):
        figure = charts.cost_per_token(sweep(elastic(0.004, load_minutes=0), {RATE: [2, 4, 6, 15]}, 4))
        figure.draw_without_rendering()
        named = [text for text in texts(figure) if " = " in text]
        assert named
        assert all("API" in text.split("\n")[0] for text in named)
        check_places(figure)

    @pytest.mark.parametrize(
        "vary",
        [
            {RATE: [4]},
            {RATE: [12, 20]},
            {"plans.own.held.node.usd_per_node_h": [0, 1, 9]},
            {"plans.own.held.node.serve.max_num_seqs": [1, 2]},
        ],
    )
    def test_any_sweep_is_drawn_without_overlaps(self, vary):
        figure = charts.cost_per_token(sweep(world(), vary, 2))
        figure.draw_without_rendering()
        assert "nan" not in " ".join(texts(figure)).lower()
        check_places(figure)

    def test_labels_do_not_overlap(self, grid):
        runs = [Benchmark(rate, 20 / rate, 21 / rate, (0.1, 0.2)) for rate in (1, 5, 9)]
        figure = charts.cost_per_token(grid, measured=runs, strips=[(3, 6, "prices of three")])
        figure.draw_without_rendering()
        check_places(figure)

    def test_refusals(self, grid):
        tuning = build(Tree(read_text(ARTICLE, "x").values))
        tunes = sweep(tuning, {"workload.tuning.arrivals.rate_per_day": [1, 2]}, 1)
        with pytest.raises(InputError, match="must have a class of kind inference, got `tuning`"):
            charts.cost_per_token(tunes)
        with pytest.raises(InputError, match="must have a class of kind inference, got `tuning`"):
            charts.first_token(run(tuning, 1))
        with pytest.raises(InputError, match="`spot` is not a plan here"):
            charts.cost_per_token(grid, plans=["spot"])


def build_values(price, key):
    """The small world with another price at its API."""
    scenario = world()
    api = scenario.plans["api"].api.model_copy(update={key.split(".")[-1]: float(price)})
    free = api.model_copy(update={"usd_per_million_input_tokens": 0.0})
    plan = scenario.plans["api"].model_copy(update={"api": free})
    return scenario.model_copy(update={"plans": {**scenario.plans, "api": plan}})


def check_places(figure):
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
    frames = [axes.get_window_extent() for axes in figure.axes]
    for text in figure.findobj(lambda each: hasattr(each, "get_text")):
        x, y = text.get_transform().transform(text.get_position())
        beyond = all(not (a.x0 - 1 <= x <= a.x1 + 1 or a.y0 - 1 <= y <= a.y1 + 1) for a in frames)  # a tick not drawn
        if text.get_text() and text.get_visible() and not beyond:
            box = text.get_window_extent()
            assert min(box.x0, box.y0) >= 0, text
            assert np.all(box.max <= figure.bbox.max), text


def test_load_is_told_only_where_it_is_known(grid):
    scenario = grid.scenario
    assert load.carried(scenario, "hybrid", "chat", RATE) is None
    assert load.carried(scenario, "api", "chat", RATE) is None
    assert load.carried(scenario, "own", "chat", "horizon_days") is None
    per_second = load.carried(scenario, "own", "chat", RATE)
    assert load.carried(scenario, "own", "chat", RATE.replace("second", "day")) == pytest.approx(86_400 * per_second)
    work = load.Work.of(Sweep.of(grid), "own", "chat")
    assert not (work.done & work.late).any()


def test_first_token_marks_are_the_results():
    study = run(world(), 3)
    figure = charts.first_token(study, note="assumed")
    axes = figure.axes[0]
    tails = {}
    for plan, each in study.result["plans"].items():
        row = {which: each["classes"]["chat"]["ttft_s"]["all"][which].value for which in ("p50", "p95", "p99")}
        assert list(line(axes, f"{plan} to p95")[0]) == [row["p50"], row["p95"]]
        assert list(line(axes, f"{plan} p95 to p99")[0]) == [row["p95"], row["p99"]]
        tails[plan] = row["p95"]
    low, high = min(tails, key=tails.get), max(tails, key=tails.get)
    assert title(figure).startswith(f"Under {words.plan_word(low)}, 95 % of the first tokens come within ")
    assert title(figure).endswith(f"under {words.plan_word(high)}, within {words.plain(tails[high], 2)} s")
    assert "assumed" in figure.texts[1].get_text()
    figure.draw_without_rendering()
    check_places(figure)


def test_requests_are_priced_by_the_thousand():
    study = run(world(), 3)
    figure = charts.cost_distribution(study)
    axes = figure.axes[0]
    cost = study.result["plans"]["api"]["classes"]["chat"]["cost_per_job_usd"]["fully_loaded"]
    assert list(line(axes, "api mean")[0]) == [1000 * cost["mean"].value]
    assert cost["mean"].value * 1000 == pytest.approx(0.25)  # 50 tokens at 5 USD a million, a thousand times
    assert axes.get_xlabel() == "USD per 1,000 requests"
    assert " USD per 1,000; " in title(figure)
    found = charts.cost_percentiles(sweep(world(), {RATE: [1, 4]}, 2))
    assert found.axes[0].get_ylabel() == "USD per 1,000 requests, fully loaded"


def test_little_money_keeps_two_digits():
    assert [words.usd(value) for value in (0.0123, 0.25, 3.5, 84.1, 0)] == ["0.012", "0.25", "3.50", "84", "0"]
