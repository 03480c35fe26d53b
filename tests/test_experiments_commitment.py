"""The experiment of three years: what its scenario states, what its pictures are made of, what it writes."""

import sys

import numpy as np
import pytest
from scripts import EXPERIMENTS, script

from sim.ground.scenario import load
from sim.questions.decision import decide

FILE = EXPERIMENTS / "scenarios" / "commitment.yaml"


@pytest.fixture(scope="module")
def years():
    return script("three_year_commitment")


@pytest.fixture(scope="module")
def decided():
    return decide(load(FILE), 6, 1, jobs=1)


def test_five_strategies_on_the_same_node_but_for_its_terms(decided):
    scenario = decided.scenario
    assert decided.strategies == ("one_year", "three_years", "by_the_month", "api", "wait_and_see")
    held = [scenario.plans[name].held["p4d"] for name in ("one_year", "three_years", "by_the_month")]
    assert [each.term_months for each in held] == [12, 36, 0]
    assert {each.gpus_per_node for each in held} == {8}
    assert held[1].price("", None).value == pytest.approx(held[2].price("", None).value * 11.57 / 32.7726, rel=1e-3)


def test_what_is_uncertain_is_said_with_its_source(decided):
    assert len(decided.scenario.uncertain) == 9
    assert all(law.source.startswith(("assumed: ", "measured: ")) for law in decided.scenario.uncertain.values())


def test_pictures_are_made_of_the_decision(years, decided):
    regrets, fans = years.regrets(decided), years.fans(decided)
    assert {each.name for each in regrets} == set(decided.strategies)
    means = dict(zip(decided.strategies, decided.npv.mean(axis=(0, 1)), strict=True))
    assert [fan.name for fan in fans] == sorted(means, key=means.get)[:3]
    for fan in fans:
        assert np.array_equal(fan.cost, decided.cost[:, decided.strategies.index(fan.name)])
    met = years.happenings(decided)
    assert [each.name for each in met] == ["new model", "subsidy ends"]
    assert all(np.nanmax(each.month, initial=0) < 36 for each in met)


def test_a_new_model_strands_what_is_held(years, decided):
    """Only who holds a term loses; who rents by the month or stays at the API does not."""
    came = np.isfinite(years.happenings(decided)[0].month)
    stranded = dict(zip(decided.strategies, decided.stranded.T, strict=True))
    assert came.any()
    assert (stranded["three_years"][came] > 0).all()
    assert not stranded["by_the_month"].any()
    assert not stranded["api"].any()


def test_what_it_writes(years, tmp_path, monkeypatch, capsys):
    arguments = ["--futures", "3", "--reps", "1", "--jobs", "1", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["three_year_commitment.py", *arguments])
    years.main()
    out = capsys.readouterr().out
    assert "commitment: 36 months, 3 futures x 1 replication," in out
    assert "by the chance of a new model:" in out
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"fan.png", "fan.svg", "regret.png", "regret.svg", "decision.json"} <= written
