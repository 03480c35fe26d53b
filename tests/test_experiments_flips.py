"""What flips the article: each move by arithmetic, the footnote by hand, its pictures."""

import sys

import pytest
from drawings import texts, title
from scripts import script

from sim.ground.estimate import Estimate
from sim.questions.charts import Move, flips

HELD, STAFF, API = 19.22 * 8760, 200_000, 8.0


@pytest.fixture(scope="module")
def flip():
    return script("what_flips_the_article")


@pytest.fixture(scope="module")
def rows(flip):
    return flip.flips(73.0, 4)


def test_each_move_is_that_of_the_arithmetic(rows):
    times = (HELD + STAFF) / (10.8 * 365 * API)  # the node's year over the API's, at 90 % utilization
    price, fast, alone, packed, pay, node = rows
    for row, exact in ((price, times), (fast, times), (alone, HELD / (10.8 * 365 * API))):
        assert row.times.low <= exact <= row.times.high
        assert row.times.high - row.times.low < 0.2 * exact
        assert not row.times.low <= 1.2 * exact <= row.times.high  # negative control
    assert [each.times.value for each in (packed, pay, node)] == [None, None, None]
    assert "still 5." in pay.flip
    assert fast.known[0][0] == pytest.approx(25.18, abs=0.01)


def test_the_footnote_by_hand(flip):
    months = 730 / 24 / 365  # years
    for rise in flip.rises(4, (6,)):
        lead = flip.LEAD_MONTHS if "after" in rise.what else 0
        switch = flip.SWITCH_USD if "USD" in rise.what else 0.0
        years = (6 - lead) * months
        exact = ((HELD + STAFF) * years + switch) / (10.8 * 365 * years * API)
        assert rise.times.low <= exact <= rise.times.high


def test_the_title_and_the_table_say_the_same(flip, rows):
    told = flip.title(rows)
    assert told.startswith("Two things turn the article's verdict alone: an API 1")
    assert told.endswith("3 others cannot")
    csv = flip.csv_text(rows, [])
    assert csv.splitlines()[0] == "what,stated,times,low,high,flip"
    assert len(csv.splitlines()) == 1 + len(rows)


def test_bars_are_told_in_them_or_behind_them():
    moves = [
        Move("long", "8 USD", Estimate(30.0, 28.0, 33.0, 1.0, 9), "94 USD", ((90.0, "measured"),)),
        Move("short", "1", Estimate(1.1), "a little more than before, as it is said here"),
        Move("never", "2", Estimate(None), "not even for nothing"),
    ]
    figure = flips(moves, "Finding", "source", "more")
    shown = " ".join(texts(figure))
    for word in ("30 ×: 94 USD", "measured: 90 times", "1.1 ×: a little more", "not even for nothing", "Star"):
        assert word in shown
    assert title(figure) == "Finding"
    assert len(figure.axes[0].patches) == 3


def test_it_runs_small(flip, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(flip, "FASTEST", 15.0)
    monkeypatch.setattr(sys, "argv", ["x", "--quick", "--reps", "2", "--out", str(tmp_path)])
    flip.main()
    told = capsys.readouterr().out
    assert "how many times each must move, alone" in told
    assert "the footnote" in told
    assert {"what_flips_the_article.png", "speed_and_staff.svg"} <= {file.name for file in tmp_path.iterdir()}
