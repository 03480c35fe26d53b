"""Experiments of sizing: what promises cost, and `size` against trying everything."""

import csv

import numpy as np
import pytest
from drawings import texts, title
from scripts import script

from sim.questions.charts.promises import Promise, Promises, promises

ROW = [Promise(1, 9, 900.0, True), Promise(4, 7, 700.0, False), Promise(24, 7, 700.0, True)]


@pytest.fixture(scope="module")
def brute():
    return script("size_brute_force")


def test_each_promise_is_a_mark_with_its_nodes_hollow_where_not_sure():
    figure = promises([Promises("hours", "runs", {"even": ROW, "bursts": ROW[:1]})], "stricter costs more", "by hand")
    assert title(figure) == "stricter costs more"
    said = texts(figure)
    assert [said.count(each) for each in ("9", "7", "even", "bursts", "hours", "runs")] == [2, 2, 1, 1, 1, 1]
    axes = figure.axes[0]
    marks = [line for line in axes.lines if line.get_marker() != "None"]
    hollow = [line for line in marks if line.get_markerfacecolor() == "white"]
    assert len(marks) == 4
    assert [(*line.get_xdata(), *line.get_ydata()) for line in hollow] == [(4.0, 700.0)]
    steps = next(line for line in axes.lines if line.get_label() == "even")
    assert steps.get_drawstyle() == "steps-post"
    assert np.array_equal(np.asarray(steps.get_ydata()), [900, 700, 700])
    assert axes.get_ylim()[0] == 0


def test_fleets_do_not_depend_on_how_many_there_are(brute):
    few, many = list(brute.fleets(2)), list(brute.fleets(6))
    assert [each.scenario for each in few] == [each.scenario for each in many[:2]]
    assert [each.kind for each in many] == [*brute.KINDS, "level"]


@pytest.mark.parametrize("number", [0, 6])
def test_size_finds_what_brute_force_finds(brute, number):
    found = brute.trial(list(brute.fleets(number + 1))[number], 20, 0)
    assert found.near
    assert found.same
    assert found.share < 1
    assert "1 of 1 found the setting that brute force found" in brute.summary([found])


@pytest.mark.slow
def test_a_stricter_promise_takes_no_fewer_nodes(tmp_path, monkeypatch, capsys):
    slo = script("size_for_slo")
    monkeypatch.setattr("sys.argv", ["size_for_slo.py", "--quick", "--out", str(tmp_path)])
    slo.main()
    assert "instead of 12 h cost" in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "size_for_slo.csv").read_text().splitlines()))
    assert len(rows) == 10
    for comes in ("at random", "in bursts"):
        nodes = [int(row["nodes"]) for row in rows if row["work"] == "fine-tunes" and row["comes"] == comes]
        assert nodes == sorted(nodes, reverse=True)
    assert (tmp_path / "size_for_slo.png").stat().st_size > 10_000
