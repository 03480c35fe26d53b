"""Experiments of scale and elasticity: the map of the cheapest plan, and what pooling is worth."""

import math
import sys
from itertools import pairwise

import numpy as np
import pytest
from drawings import line, texts, title
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from scripts import script

import sim
from sim.ground.estimate import Estimate
from sim.ground.faults import InputError
from sim.questions.charts import Adapters, Crowd, words
from sim.questions.charts.frontier import SURE, Frontier


@pytest.fixture(scope="module")
def elastic():
    return script("elastic_frontier")


@pytest.fixture(scope="module")
def scale():
    return script("provider_scale")


@pytest.fixture(scope="module")
def rows(elastic):
    vary = {elastic.RATE: [2, 5, 8, 10, 14], elastic.CV: [0.25, 1, 4]}
    return elastic.rows_of(sim.sweep(elastic.scenario(8.0), vary, 6))


@pytest.fixture(scope="module")
def found(rows, elastic):
    return Frontier.of(rows, elastic.MAPPED)


class TestElasticFrontier:
    def test_each_cell_is_won_by_the_least_bill_of_those_that_wait_little_enough(self, rows, found):
        for i, cv in enumerate(found.y):
            for j, cell in enumerate(rows[cv].cells):
                assert cell.at["workload.tuning.arrivals.rate_per_day"] == found.x[j]
                fit = [plan for plan in found.plans if cell.result["plans"][plan]["eligible"]]
                least = min(fit, key=lambda plan: cell.bills[plan].mean())
                assert found.plans[found.winner[i, j]] == least
                assert found.best()[i, j] == pytest.approx(cell.bills[least].mean())
                first = [min(fit, key=lambda plan: cell.bills[plan][r]) == least for r in range(6)]
                assert found.probability[i, j] == pytest.approx(np.mean(first))
                waits = cell.result["plans"][least]["classes"]["tuning"]["wait_h"]["p95"].value
                assert waits <= 8

    def test_renting_wins_where_runs_are_few_or_bursty_and_a_held_node_where_they_are_even(self, found):
        names = np.array(found.plans)[found.winner]
        assert (names[:, :2] == "on_demand").all()
        assert (names[2] == "on_demand").all()
        assert names[0, 2] == "reserved"
        assert found.unfit("reserved")[2].all()

    def test_borders_are_the_break_evens_of_neighbours(self, rows, found, elastic):
        (border,) = [each for each in found.borders() if each.plans == ("on_demand", "reserved")]
        at = rows[0.25].break_even("on_demand", "reserved")["at"]
        assert border.at[border.rows.index(0)] == at
        # 32.77 USD for 2 h and some 6 minutes of boot against 19.22 around the clock
        assert at.value == pytest.approx(19.22 * 24 / (32.77 * 2.1), rel=0.02)
        assert words.plain(at.value) in elastic.borders_text(found) or f"{at.value:.2f}" in elastic.borders_text(found)

    def test_what_is_left_out_could_be_so_many_times_dearer(self, rows, found, elastic):
        times = found.times("api")
        cell = rows[1.0].cells[0]
        best = min(bill.mean() for plan, bill in cell.bills.items() if plan in ("on_demand", "reserved"))
        assert times[1, 0] == pytest.approx(best / cell.bills["api"].mean())
        told = elastic.beside_text(found, "api")
        reach = f"all up to {times.min():.1f} times its price, some up to {times.max():.1f} times"
        assert told == f"API would win 15 of 15 cells, {reach}"
        assert elastic.beside_text(found, "spot").startswith("spot would win 15 of 15 cells")

    def test_the_map_shows_the_winners_and_says_so(self, rows, found, elastic):
        figure = sim.charts.frontier(rows, elastic.KEY, plans=elastic.MAPPED, api="api")
        axes = figure.axes[0]
        cells = [each for each in axes.patches if isinstance(each, Rectangle) and not each.get_hatch()]
        hatched = [each for each in axes.patches if each.get_hatch()]
        assert len(cells) == found.winner.size
        assert len(hatched) == found.unfit("reserved").sum()
        for number in set(found.winner.ravel()):
            colours = {cells[k].get_facecolor() for k in np.flatnonzero(found.winner.ravel() == number)}
            assert len(colours) == 1
        # told apart in grey print too
        greys = [np.dot(cells[k].get_facecolor()[:3], [0.299, 0.587, 0.114]) for k in range(len(cells))]
        lights = sorted({round(float(grey), 2) for grey in greys})
        assert len(lights) == len(set(found.winner.ravel()))
        assert min(b - a for a, b in pairwise(lights)) > 0.05
        doubts = [each for each in axes.lines if each.get_label() == "doubt"]
        assert len(doubts) == (found.probability < SURE).sum() > 0
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in axes.texts]
        assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]
        x, y = line(axes, "on_demand = reserved")
        assert x[0] == found.borders()[0].at[0].value
        np.testing.assert_array_equal(y, found.y)
        shown = {text.get_text().replace("\n", " ") for text in figure.findobj(Text)}
        assert {words.plan_word(found.plans[number]) for number in set(found.winner.ravel())} <= shown
        least = words.plain(min(at.value for border in found.borders()[:1] for at in border.at))
        assert title(figure) == (
            f"On-demand is the cheapest below {least} a day whatever the cv of the gaps between runs, "
            "and up to 14 where it is 4 or more"
        )

    def test_one_winner_is_said_in_one_sentence(self, rows):
        figure = sim.charts.frontier(rows, "cv", plans=["api", "spot"])
        assert title(figure) == "API is the cheapest plan that does the work in every cell"

    def test_it_runs_small(self, elastic, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(elastic, "RATES", (2, 8))
        monkeypatch.setattr(elastic, "CVS", (0.5, 2))
        monkeypatch.setattr(sys, "argv", ["x", "--reps", "2", "--out", str(tmp_path)])
        elastic.main()
        told = capsys.readouterr()
        assert "on_demand from 2" in told.out
        assert "left out: spot would win 4 of 4 cells" in told.out
        assert "4/4 cells" in told.err
        assert {file.suffix for file in tmp_path.iterdir()} == {".png", ".svg", ".csv"}
        assert (tmp_path / "elastic_frontier.csv").read_text().count("\n") == 5
        monkeypatch.setattr(sys, "argv", ["x", "--plans", "rented", "--out", str(tmp_path)])
        with pytest.raises(InputError, match="--plans: must be among reserved"):
            elastic.main()


class TestProviderScale:
    def test_formulas_are_those_of_the_oracle(self, scale):
        # O-STAFF: the fewest servers at which at most a fifth waits (mpmath, 40 digits)
        sizes = {1: 3, 4: 7, 16: 21, 64: 73, 256: 274, 1024: 1059}
        assert {load: scale.erlang_nodes(load, 0.2) for load in sizes} == sizes
        assert scale.erlang_c(7, 4) == pytest.approx(0.135110172846022)
        assert scale.halfin_whitt(0.2) == pytest.approx(1.06151627541872)
        # O-POOL: 3.2 erlangs on 4 servers, alone and four together
        assert scale.erlang_c(4, 3.2) == pytest.approx(0.596432471787404)
        assert scale.erlang_c(16, 12.8) == pytest.approx(0.304883912930017)
        assert scale.erlang_c(2, 2) == 1

    @pytest.mark.parametrize("start", [1, 2, 7, 12, 40])
    def test_the_smallest_is_found_from_anywhere(self, scale, start):
        asked = []

        def meets(nodes):
            asked.append(nodes)
            return nodes >= 12

        assert scale.smallest(meets, start) == 12
        assert min(asked) >= 1
        assert scale.smallest(lambda _: True, start) == 1

    @pytest.mark.parametrize(("tenants", "nodes"), [(1, 3), (4, 7)])
    def test_simulated_fleets_are_those_of_the_oracle(self, scale, tenants, nodes):
        crowd = scale.crowd(tenants, 1.0, 0.2, 10)
        assert crowd.nodes == nodes
        assert crowd.interval == (nodes, nodes)
        exact = scale.erlang_c(nodes, tenants)
        assert abs(crowd.waiting.value - exact) < 5 * crowd.waiting.se
        assert scale.usd_a_run(crowd, nodes) == pytest.approx(nodes * 19.22 * 24 / (12 * tenants))

    def test_bursts_need_more_nodes(self, scale):
        assert scale.crowd(2, 3.0, 0.2, 5).nodes > scale.crowd(2, 1.0, 0.2, 5).nodes

    def test_shared_adapters_cost_as_many_times_less_while_one_replica_carries_all(self, scale):
        found = scale.adapters(4, 3)
        assert found.nodes == 1
        assert found.times == pytest.approx(4, rel=0.01)
        node = 6.98 / 3600 / (0.5 * 256) * 1e6
        assert found.dedicated.value == pytest.approx(node, rel=0.05)

    def test_it_runs_small(self, scale, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(scale, "CROWDS", (1, 2))
        monkeypatch.setattr(scale, "ADAPTERS", (1, 2))
        monkeypatch.setattr(sys, "argv", ["x", "--reps", "8", "--out", str(tmp_path)])
        scale.main()
        told = capsys.readouterr()
        assert "needs 1.50 [1.50, 1.50] times less hardware" in told.out  # 3 nodes each, or 4 for both
        assert "2 adapters on 1 shared H100s cost 2.0 times less a token" in told.out
        assert "2/2 fleets" in told.err
        assert {file.suffix for file in tmp_path.iterdir()} == {".png", ".svg", ".csv"}
        monkeypatch.setattr(sys, "argv", ["x", "--p-wait", "1", "--out", str(tmp_path)])
        with pytest.raises(InputError, match="--p-wait: must be between 0 and 1, got 1"):
            scale.main()


def test_the_chart_of_scale_shows_sizes_lines_and_gains():
    share = Estimate(0.18, 0.17, 0.19, 0.005, 10)
    even = [Crowd(1, 1.0, 3, (3, 3), share), Crowd(4, 4.0, 7, (7, 8), share), Crowd(16, 16.0, 21, (21, 21), share)]
    bursty = [Crowd(1, 1.0, 7, (7, 7), share), Crowd(4, 4.0, 11, (11, 11), share), Crowd(16, 16.0, 27, (27, 27), share)]
    adapters = [
        Adapters(count, 1 + (count > 8), Estimate(16 / count * (1 + (count > 8))), Estimate(16.0), 0.54, (0.1, 0.1))
        for count in (1, 8, 16)
    ]
    figure = sim.charts.pooling(even, bursty, adapters, usd_per_node=38.44, beta=1.06, p_wait=0.2, source="x")
    left, right = figure.axes
    np.testing.assert_allclose(line(left, "Poisson")[1], [38.44 * 3, 38.44 * 7 / 4, 38.44 * 21 / 16])
    np.testing.assert_allclose(line(left, "in bursts")[1], [38.44 * 7, 38.44 * 11 / 4, 38.44 * 27 / 16])
    x, y = line(left, "staffing")
    np.testing.assert_allclose(y, 38.44 * (x + 1.06 * np.sqrt(x)) / x)
    bars = [each.get_ydata() for each in left.lines if each.get_label() == "Poisson interval"]
    np.testing.assert_allclose(bars[1], [38.44 * 7 / 4, 38.44 * 8 / 4])
    np.testing.assert_allclose(line(right, "shared replicas")[1], [16, 2, 2])
    assert title(figure) == (
        f"Scale makes hardware {words.plain(3 * 16 / 21, 2)} times cheaper for 16 tenants at the same waiting, "
        f"{words.plain(7 * 16 / 27, 2)} times where they come in bursts; sharing a base model makes tokens 8 times "
        "cheaper for 16 adapters"
    )
    assert "2 replicas" in texts(figure)
    assert math.isclose(left.get_xlim()[1], right.get_xlim()[1])
