"""The experiment of real demand: what it states, how it sizes fleets, which verdicts it draws, what its chart shows."""

import json
import sys

import numpy as np
import pytest
from drawings import line, texts, title
from matplotlib.patches import Rectangle
from scripts import script

import sim
from sim.engine.workload.dispersion import idc
from sim.ground.estimate import Estimate
from sim.questions.charts import demand
from sim.questions.charts.demand import Carried, Late, cheaper, for_good, needed, won


@pytest.fixture(scope="module")
def bursts():
    return script("bursts")


def carried(name, *rates):
    return Carried(name, tuple(Estimate(rate, 0.98 * rate, 1.02 * rate, 0.01, 4) for rate in rates))


CARRIED = [carried("Poisson", 6, 13, 20), carried("day", 4.5, 9.2, 14), carried("deep", 3, 6, 9, 12, 15)]
LATE = [
    Late("Poisson", Estimate(1.0), Estimate(0.7), Estimate(4.5), Estimate(0.1)),
    Late("day", Estimate(1800.0), Estimate(0.7), Estimate(4.8), Estimate(0.2)),
    Late("deep", Estimate(7200.0), Estimate(0.8), Estimate(5.6), Estimate(0.4)),
]


class TestVerdicts:
    """One replica beats the API from 4 requests a second on; rates up to 12 matter."""

    def test_own_wins_between_the_rate_at_which_it_pays_and_the_most_that_it_carries(self):
        assert cheaper([6, 13, 20], 4, 12) == [(4, 6, 1), (8, 12, 2)]
        assert cheaper([4.5, 9.2, 14], 4, 12) == [(4, 4.5, 1), (8, 9.2, 2)]
        assert cheaper([3, 6, 9, 12, 15], 4, 12) == []
        assert won([6, 13, 20], 4, 12) == pytest.approx(0.5)

    @pytest.mark.parametrize(
        ("rates", "most", "from_"),
        [
            ([6, 13, 20], 12, 8),  # a second replica pays from 8 on, and a third at once
            ([8, 16, 24], 12, 4),
            ([6, 11.9, 18], 14, 12),  # a third pays from 12 on only, a fourth at once
            ([4.5, 9.2, 14], 12, None),  # the third does not carry 16, at which a fourth would pay
            ([3, 6, 9, 12, 15], 12, None),
            ([6], 12, None),  # nothing is known of 12
        ],
    )
    def test_a_break_even_holds_for_all_higher_rates(self, rates, most, from_):
        assert for_good(rates, 4, most) == from_

    def test_the_fewest_replicas_that_carry_a_rate(self):
        assert [needed([6, 13], rate) for rate in (1, 6, 6.1, 13, 14)] == [1, 1, 2, 2, None]


class TestStated:
    def test_bursts_are_those_of_the_measured_hour(self, bursts):
        law = bursts.scenario(bursts.DEMANDS[1], bursts.AZURE_RATE, 1).chats["chat"].arrivals
        for seconds, measured in bursts.AZURE_IDC.items():
            assert idc(law, seconds / 3600) == pytest.approx(measured, rel=0.15)
        assert sum(bursts.CLIENTS) == pytest.approx(0.93, abs=0.005)

    def test_all_demands_have_the_mean_rate_that_is_stated(self, bursts):
        for each in bursts.DEMANDS:
            law = bursts.scenario(each, 7.0, 1).chats["chat"].arrivals
            assert law.jobs_per_hour == pytest.approx(7 * 3600)
            assert law.jobs_expected(24) == pytest.approx(7 * 86_400)
        sine = bursts.DEEP_DAY["sine"]["amplitude"]
        assert (1 + sine) / (1 - sine) == pytest.approx(bursts.PEAK_TO_VALLEY, rel=1e-3)

    def test_money_is_that_of_the_bill(self, bursts, monkeypatch):
        monkeypatch.setattr(bursts.Demand, "days", 0.1)
        plans = sim.run(bursts.scenario(bursts.DEMANDS[0], 4.0, 1, hybrid=True), 3).result["plans"]
        own, hybrid = (plans[name]["classes"]["chat"] for name in ("own", "hybrid"))
        simulated = own["usd_per_million_output_tokens"]
        assert abs(simulated.value - bursts.usd_per_million(1, 4.0)) < 5 * simulated.se
        api = (hybrid["usd_per_million_output_tokens"].value - simulated.value) / hybrid["api_share"].value
        assert api == pytest.approx(bursts.token_prices()[1], rel=0.25)  # long prompts are no likelier to find it full
        assert bursts.even_rate() * 3600 * bursts.token_prices()[0] == pytest.approx(15.96)


class TestSearch:
    def test_the_level_is_met_up_to_the_rate_that_is_found(self, bursts, monkeypatch):
        def seconds(_, replicas, rate, reps, **__):
            spread = np.append(np.linspace(0.98, 1.02, reps), 1.0)
            return spread * (rate / (5.0 * replicas)) ** 8

        monkeypatch.setattr(bursts, "first_tokens", seconds)
        for start in (2.0, 9.9, 17.0):
            found = bursts.carried(bursts.DEMANDS[0], 2, start, 5, 1)
            assert found.value == pytest.approx(10, rel=1e-9)
            assert found.low < 10 < found.high

    def test_a_replica_carries_less_of_bursts(self, bursts, monkeypatch):
        monkeypatch.setattr(bursts.Demand, "days", 0.06)
        poisson, bursty = (bursts.carried(each, 1, 4.5, 4, 0) for each in bursts.DEMANDS[:2])
        ready = bursts.first_tokens(bursts.DEMANDS[0], 1, poisson.value, 4, 0)
        assert ready[-1] == pytest.approx(bursts.LEVEL_S, rel=0.1)
        assert bursty.value < poisson.value


@pytest.fixture(scope="module")
def figure():
    return demand.demand_verdicts(
        CARRIED,
        LATE,
        usd_per_replica=20.0,
        api_usd=5.0,
        most=12.0,
        rate=20.0,
        fleet=3,
        level_s=1.0,
        title=demand.demand_finding(CARRIED, LATE, even=4.0, most=12.0),
    )


class TestChart:
    def test_title_tells_where_own_replicas_win(self, figure):
        assert title(figure) == (
            "By Poisson demand own replicas beat the API above 8 requests/s, with day at 14 % of the rates up to 12, "
            "with deep at none; a fleet sized by Poisson then has a TTFT p95 of 30 min"
        )

    def test_marks_are_costs_at_the_most_that_is_carried(self, figure):
        upper, strips, late = figure.axes
        for each in CARRIED:
            x, y = line(upper, each.name)
            np.testing.assert_allclose(x, each.ends())
            np.testing.assert_allclose(y, 20.0 * np.arange(1, len(x) + 1) / x)
        dark = [box for box in strips.patches if isinstance(box, Rectangle) and box.get_label() == "Poisson"]
        assert [(box.get_x(), box.get_x() + box.get_width()) for box in dark] == [(4, 6), (8, 12)]
        assert not [box for box in strips.patches if box.get_label() == "deep"]
        assert line(late, "day")[0] == 1800
        assert line(late, "day hybrid")[0] == pytest.approx(0.7)
        assert "30 min; with API 0.7 s, 4.80 USD" in texts(figure)
        assert "deep: own replicas win at none" in texts(figure)

    def test_labels_do_not_overlap(self, figure):
        figure.draw_without_rendering()
        for axes in figure.axes:
            boxes = [text.get_window_extent() for text in axes.texts]
            assert not [1 for i, a in enumerate(boxes) for b in boxes[i + 1 :] if a.overlaps(b)]


def test_it_runs_small(bursts, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bursts, "QUICK_RATE", 2.0)
    monkeypatch.setattr(bursts, "STEP", 1.3)
    monkeypatch.setattr(bursts.Demand, "days", 0.03)
    monkeypatch.setattr(bursts, "DEMANDS", bursts.DEMANDS[:3])
    monkeypatch.setattr(sys, "argv", ["x", "--quick", "--out", str(tmp_path)])
    bursts.main()
    told = capsys.readouterr()
    assert "beat the API" in told.out
    assert "IDC at 5.53 requests/s by theory" in told.out
    assert "\r" not in told.err
    assert "Poisson: " in told.err
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        f"bursts.{k}" for k in ("csv", "json", "png", "svg", "txt")
    ]
    found = json.loads((tmp_path / "bursts.json").read_text())
    assert set(found["demands"]) == {each.name for each in bursts.DEMANDS}
    rows = (tmp_path / "bursts.csv").read_text().splitlines()
    assert len(rows) == 1 + sum(len(each["carried_requests_a_second"]) for each in found["demands"].values())
    assert (tmp_path / "bursts.txt").read_text().startswith(found["title"])
