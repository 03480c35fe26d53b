"""Pictures of a decision: what is drawn is what is given; titles say the finding and change with it."""

import numpy as np
import pytest
from drawings import line, texts, title

from sim.ground.estimate import Estimate
from sim.questions import charts
from sim.questions.charts import Chance, Fan, Happening, Place, Regret, Swing

MONTHS, FUTURES = 12, 101
RAMP = np.linspace(0, 1, FUTURES)[:, None]
"""Futures at even steps, so that quantiles are exact."""

STEADY = Fan("reserved", 40_000 + 2_000 * RAMP + np.zeros(MONTHS))
WIDE = Fan("api", 10_000 + 100_000 * RAMP * np.linspace(0.5, 1, MONTHS))
ENDS = Happening("subsidy_ends", np.where(RAMP[:, 0] < 0.5, 2 + 8 * RAMP[:, 0], np.nan))


def inside_and_apart(figure):
    """Every text lies within the sheet, and no two of a panel's own texts meet."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
        assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
    for text in figure.findobj(lambda each: hasattr(each, "get_text")):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert min(box.x0, box.y0) >= 0, text
            assert np.all(box.max <= figure.bbox.max), text
    assert "nan" not in " ".join(texts(figure)).lower()


def estimate(value, half=0.0):
    return Estimate(value, value - half, value + half, half / 2, 500)


class TestFan:
    def test_curves_are_the_quantiles_of_each_month(self):
        figure = charts.fan_chart([STEADY, WIDE], [ENDS], budget_usd=600_000)
        panels = [axes for axes in figure.axes if axes.get_xlabel() == "month"]
        for axes, fan in zip(panels, (STEADY, WIDE), strict=True):
            for which, p in (("p5", 0.05), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p95", 0.95)):
                x, y = line(axes, f"{fan.name} {which}")
                np.testing.assert_allclose(y[::2], np.quantile(fan.cost, p, axis=0))
                np.testing.assert_array_equal(x[::2], np.arange(MONTHS) + 0.5)  # a month is a stretch
            assert set(line(axes, "budget")[1]) == {50_000}
        assert panels[0].get_ylim() == panels[1].get_ylim()
        assert panels[0].get_ylabel() == "thousand USD a month"

    def test_events_are_drawn_where_they_happen(self):
        figure = charts.fan_chart([STEADY], [ENDS, Happening("never", np.full(FUTURES, np.nan))])
        strip = figure.axes[1]
        known = ENDS.month[np.isfinite(ENDS.month)]
        assert line(strip, "subsidy_ends")[0] == pytest.approx([np.median(known) + 0.5])
        assert line(strip, "subsidy_ends span")[0] == pytest.approx(np.quantile(known, [0.05, 0.95]) + 0.5)
        assert "subsidy ends, in 50 % of the futures" in texts(figure)
        assert not [text for text in texts(figure) if "never" in text]

    def test_title_tells_whose_months_spread_least(self):
        # An average month of the API costs 10,000 and 75,000 times the future's place: at 5 % and 95 % of the places.
        wide, steady = "13,800 to 81,300", "40,100 to 41,900"
        found = title(charts.fan_chart([WIDE, STEADY]))
        assert found == (
            f"Reserved spreads least: an average month costs, in 9 of 10 futures, {steady} USD with reserved; "
            f"{wide} with API"
        )
        assert title(charts.fan_chart([WIDE])) == (f"An average month costs, in 9 of 10 futures, {wide} USD with API")
        assert title(charts.fan_chart([WIDE], title="Said _by_ $hand$")) == "Said _by_ $hand$"

    def test_title_is_about_the_last_year_and_not_about_the_last_month(self):
        longer = np.hstack([np.full((FUTURES, 12), 9e6), STEADY.cost])
        longer[:, -1] += 12_000  # what a term owes beyond the span
        owed = title(charts.fan_chart([Fan("reserved", longer), Fan("api", longer)]))
        month = "an average month of the last year costs, in 9 of 10 futures, 41,100 to 42,900"
        assert owed == f"A{month[1:]} USD with reserved; 41,100 to 42,900 with API"  # alike, so none spreads least

    def test_three_panels_at_most_and_colours_stay(self):
        names = ["a", "b", "c", "d"]
        fans = [Fan(name, STEADY.cost) for name in names[::-1]]
        figure = charts.fan_chart(fans, strategies=names)
        panels = [axes for axes in figure.axes if axes.get_xlabel() == "month"]
        assert len(panels) == 3
        first = charts.fan_chart([Fan("d", STEADY.cost)], strategies=names).axes[0]
        assert panels[0].lines[0].get_color() == first.lines[0].get_color()

    @pytest.mark.parametrize("months", [1, 36])
    def test_any_span_and_long_names(self, months):
        cost = np.full((30, months), 5.0)
        named = [Fan("a_name_of_many_letters_indeed_" + each, cost) for each in "abc"]
        inside_and_apart(charts.fan_chart(named, [ENDS], budget_usd=9.0 * months))

    def test_a_budget_far_above_is_told_and_not_drawn(self):
        figure = charts.fan_chart([STEADY], budget_usd=12e6)
        assert "The budget leaves 1,000,000 USD a month, above the scale." in figure.texts[1].get_text()
        assert figure.axes[0].get_ylim()[1] < 60_000


REGRETS = [
    Regret("api", estimate(131_000, 9_000), estimate(620_000), estimate(0.31)),
    Regret("reserved", estimate(42_000, 4_000), estimate(210_000), estimate(0.55)),
    Regret("wait", estimate(51_000, 5_000), estimate(225_000), estimate(0.14)),
]


class TestRegret:
    def test_bars_are_the_regrets_the_least_on_top(self):
        axes = charts.regret_bars(REGRETS).axes[0]
        bars = {bar.get_y() + bar.get_height() / 2: bar.get_width() for bar in axes.patches}
        assert [bars[row] for row in sorted(bars)] == [42_000, 51_000, 131_000]
        assert axes.get_ylim()[0] > axes.get_ylim()[1]  # row 0 is on top
        assert list(line(axes, "api interval")[0]) == [122_000, 140_000]
        assert list(line(axes, "api p95")[0]) == [620_000]
        assert "55 % of the paths" in texts(axes.figure)

    def test_title_changes_with_what_is_known(self):
        assert title(charts.regret_bars(REGRETS)) == "Reserved is regretted least: 42,000 USD on average; wait 51,000"
        unsure = title(charts.regret_bars(REGRETS, undecided=["wait"]))
        assert unsure == "Not enough data to tell reserved (42,000 USD of expected regret) from wait"
        assert title(charts.regret_bars(REGRETS[:1])) == "API is regretted least: 131,000 USD on average"
        nothing = Regret("api", Estimate(None), Estimate(None), Estimate(None))
        assert title(charts.regret_bars([nothing])) == "Not enough data to tell what any choice is regretted"

    def test_labels_do_not_overlap(self):
        nothing = Regret("a_plan_of_which_too_little_is_known", Estimate(None), Estimate(None), Estimate(None))
        zero = Regret("never_regretted", estimate(0), estimate(0), estimate(1))
        close = Regret("close", estimate(60_000, 2_000), estimate(63_000), estimate(0))
        inside_and_apart(charts.regret_bars([*REGRETS, nothing, zero, close]))


API = "decision.prices.api.percent_a_year"
SWINGS = [
    Swing("workload.tuning.arrivals.rate_per_day", (Place(4, 1.4e6, "held"), Place(12, 1.7e6, "held"))),
    Swing(API, (Place(-60, 1.1e6, "api"), Place(-20, 2.3e6, "held")), False, estimate(61_000, 20_000), 0.61),
    Swing("plans.held.held.p4d.rate", (Place("reserved_1y", 1.5e6, "held"), Place("on_demand", 1.8e6, None)), True),
]


class TestTornado:
    def test_bars_reach_from_the_centre_to_the_places(self):
        axes = charts.tornado(SWINGS, 1.5e6, "held").axes[0]
        ends = {bar.get_x() + bar.get_width() for bar in axes.patches} | {bar.get_x() for bar in axes.patches}
        assert {1.1e6, 2.3e6, 1.4e6, 1.7e6, 1.5e6} == ends
        assert list(line(axes, "plans.held.held.p4d.rate")[0]) == [1.5e6, 1.8e6]
        assert set(line(axes, "central")[0]) == {1.5e6}

    def test_the_longest_is_on_top_with_values_and_flips_at_its_ends(self):
        figure = charts.tornado(SWINGS, 1.5e6, "held")
        at = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
        assert at["percent a year"] < at["rate per day"]  # 1.2 million against 0.3
        assert {"-60", "-20", "4", "12", "reserved 1y", "on demand"} <= set(at)
        assert {"cheapest: API", "none does the work"} <= set(at)
        assert "cheapest: held" not in at

    def test_worth_stands_beside(self):
        figure = charts.tornado(SWINGS, 1.5e6, "held")
        worth = figure.axes[1]
        assert [bar.get_width() for bar in worth.patches] == [61_000]
        assert list(line(worth, f"{API} worth interval")[0]) == [41_000, 81_000]
        assert {"61,000\n61 % of spread", "not enough data"} <= set(texts(figure))
        assert len(charts.tornado(SWINGS[:1], 1.5e6, "held").axes) == 1

    def test_title_tells_the_most_the_flips_and_the_worth(self):
        found = title(charts.tornado(SWINGS, 1.5e6, "held", measure="cost"))
        assert found == (
            "Percent a year (API) moves the cost most, by 1,200,000 USD; percent a year (API) alone can make another "
            "than held the cheapest; knowing percent a year (API) is worth 61,000"
        )
        steady = title(charts.tornado(SWINGS[:1], 1.5e6, "held", measure="cost"))
        assert steady.endswith("by 300,000 USD; no input alone can make another than held the cheapest")
        assert title(charts.tornado([], 1.5e6, "held", measure="cost")) == "No uncertain input moves the cost"

    def test_labels_do_not_overlap(self):
        still = Swing("plans.a.api.hours", (Place(1.0, 1.5e6, "held"), Place(2.0, 1.5e6, "held")))
        truths = Swing("plans.a.backfill", (Place(True, 1.5e6, "held"), Place(False, 1.9e6, "held")), True, estimate(0))
        inside_and_apart(charts.tornado([*SWINGS, still, truths], 1.5e6, "held"))

    def test_only_the_longest_are_drawn(self):
        many = [Swing(f"k{k}", (Place(0, -float(k), "a"), Place(1, float(k), "a"))) for k in range(20)]
        figure = charts.tornado(many, 0.0, "a", most=5)
        assert {"k19", "k15"} <= set(texts(figure))
        assert "k14" not in texts(figure)
        assert "15 inputs with shorter bars are left out" in figure.texts[1].get_text().replace("\n", " ")


X = np.array([1.0, 2.0, 4.0, 8.0])


def chance(name, *values):
    share = np.array(values, dtype=float)
    return Chance(name, np.array([share, share - 0.05, share + 0.05]))


class TestChance:
    def test_lines_are_the_chances_with_their_intervals(self):
        figure = charts.chance_along(X, [chance("api", 0.9, 0.7, 0.3, 0.1)], key="runs a day")
        axes = figure.axes[0]
        assert list(line(axes, "api")[1]) == [0.9, 0.7, 0.3, 0.1]
        corners = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert {0.85, 0.95} <= {round(float(each), 6) for each in corners}
        assert axes.get_xlabel() == "runs a day"

    def test_title_tells_where_the_leader_changes(self):
        both = [chance("api", 0.9, 0.7, 0.3, 0.1), chance("held", 0.1, 0.3, 0.7, 0.9)]
        found = title(charts.chance_along(X, both, key="runs", unit=" a day"))
        assert found == "API is most probably the cheapest below 3 a day, held above 3"
        alone = title(charts.chance_along(X, both[:1], key="runs", unit=" a day"))
        assert alone == "API is most probably the cheapest at all values from 1 to 8 a day"
        unknown = [chance("api", *[np.nan] * 4)]
        assert title(charts.chance_along(X, unknown, key="runs")) == "No strategy is ranked at any of these values"

    def test_labels_do_not_overlap(self):
        several = [chance("a_long_name_of_a_strategy_" + each, 0.5, 0.5, 0.4, 0.33) for each in "abc"]
        inside_and_apart(charts.chance_along(X, [*several, chance("gone", 0.5, np.nan, np.nan, np.nan)], key="runs"))
