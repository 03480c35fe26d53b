"""The report: its numbers are those of the results, its bytes depend on the study alone."""

import itertools
import os
import re
from collections import Counter

import pytest
from drawings import world
from reports import Page, drawing, rows_of, text_of
from studies import RATE
from worlds import scenario

from sim.doors.report import arrival_rate, gather, report
from sim.doors.report.cells import usd_of
from sim.doors.report.pictures import inline
from sim.engine.money import LINES
from sim.questions.charts.words import around

VARY = {RATE: [1, 3, 6, 9, 11]}
API = {"usd_per_million_tokens": 8, "hours_per_million_tokens": 1.25}
SHORT = {"horizon_days": 60, "plans.api.api": API}
DEAR = SHORT | {"plans.api.api": API | {"usd_per_million_tokens": 800}}


@pytest.fixture(scope="module")
def found():
    return gather(world(), VARY, replications=8)


@pytest.fixture(scope="module")
def page(found):
    return report(found)


@pytest.fixture(scope="module")
def cheap():
    return gather(scenario(settings=SHORT), VARY, replications=6)


@pytest.fixture(scope="module")
def dear():
    return gather(scenario(settings=DEAR), VARY, replications=6)


def test_the_verdict_is_that_of_the_result(found, page):
    best = found.study.result["comparison"]["cheapest"]
    bill = found.study.result["plans"][best]["bill_usd"]["total"].value
    assert best == "api"
    assert f"Cheapest: api , {bill:,.0f} USD on average; on 100 %" in text_of(page)
    assert "95 % of tuning start at once" in text_of(page)


def test_it_is_the_same_to_the_last_byte_whoever_makes_it_wherever(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "LC_ALL", "de_DE.UTF-8")
    assert report(gather(world(), VARY, replications=8, jobs=1)) == page
    assert report(gather(world(), VARY, replications=8, jobs=2)) == page
    assert str(tmp_path) not in page


def test_it_is_small_and_asks_for_nothing(page):
    assert len(page.encode()) < 1_000_000
    assert "http:" not in page
    assert "https:" not in page
    loading = {"src", "srcset", "data", "poster", "background", "action", "formaction", "xlink:href"}
    for tag, found in Page(page).tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "img", "base", "form"}
        assert not loading & set(found), (tag, found)
        assert found.get("href", "#").startswith("#")
        assert not any(key.startswith("on") for key in found)


def test_every_number_of_the_bill_is_that_of_the_result_and_they_add_up(found, page):
    head, *lines, total = rows_of(page, "bill")
    plans = found.study.result["plans"]
    assert head[1:] == list(plans)
    assert len(lines) == len(LINES)
    for column, name in enumerate(plans, 1):
        shown = [float(row[column].partition(" | ")[0].replace(",", "")) for row in lines]
        exact = [plans[name]["bill_usd"][line].value for line in LINES]
        assert shown == pytest.approx(exact, abs=0.5)
        bill = float(total[column].partition(" | ")[0].replace(",", ""))
        assert bill == pytest.approx(plans[name]["bill_usd"]["total"].value, abs=0.5)
        assert sum(shown) == pytest.approx(bill, abs=0.5 * (len(LINES) + 1))


def test_costs_and_waits_are_those_of_the_result(found, page):
    for name, row in zip(found.study.result["plans"], rows_of(page, "cost-tuning")[1:], strict=True):
        each = found.study.result["plans"][name]["classes"]["tuning"]["cost_per_job_usd"]
        for cell, key in zip(row[1:7], ("mean", "p5", "p50", "p90", "p95", "p99"), strict=True):
            assert float(cell.split()[0].replace(",", "")) == pytest.approx(each["fully_loaded"][key].value, rel=5e-3)
    waits = {row[0]: row for row in rows_of(page, "wait-tuning")[1:]}
    wait = found.study.result["plans"]["reserved"]["classes"]["tuning"]["wait_h"]["p95"].value
    assert float(waits["reserved"][4].split()[0]) == pytest.approx(wait, rel=5e-3)
    assert "shared by GPU time within 2 windows of 30 days" in text_of(page)


def test_an_api_a_hundred_times_as_dear_changes_title_crossing_and_labels(cheap, dear):
    before, after = report(cheap), report(dear)
    at = dear.grid.break_even("reserved", "api")["at"]
    assert cheap.grid.break_even("reserved", "api")["at"] is None
    assert 1 < at.value < 1.6  # a reserved day of 1,009 USD with its engineer, over 800 USD a run
    drawn = drawing(after, "along")
    assert "reserved = API" in drawn
    assert f"at {around(at, ' a day')}" in drawn
    assert "reserved = API" not in drawing(before, "along")
    title = re.search(r"<title[^>]*>(.*?)</title>", drawn)[1]
    assert title in after
    assert title not in before
    assert f"API above {at.value:.3g}" in title.replace("on-demand", "")
    row = next(row for row in rows_of(after, "break-even") if row[0] == "reserved and api")
    assert float(row[1].split()[0]) == pytest.approx(at.value, rel=1e-3)
    assert row[2] == "api is cheaper below, reserved above."
    assert dear.study.result["comparison"]["cheapest"] != "api"
    assert "Cheapest: api" in text_of(before)
    assert "Cheapest: api" not in text_of(after)


def test_small_bills_are_told_with_cents():
    assert [usd_of(4.78)(4.7812), usd_of(4.78)(0.0123), usd_of(5000.0)(9.99)] == ["4.78", "0.0123", "10"]


def test_turning_points_are_those_of_the_result(cheap):
    page, turns = report(cheap), {(each.lever.label, each.side): each for each in cheap.turns}
    price = turns["API price, training", "up"]
    assert price.at.value is not None
    row = next(row for row in rows_of(page, "turning") if row[:2] == ["API price, training", "higher"])
    assert float(row[5].split()[0]) == pytest.approx(price.at.value, rel=1e-3)
    assert float(row[6].split()[0]) == pytest.approx(price.times().value, rel=1e-3)
    assert row[7] == f"{price.to} is the cheapest beyond"
    assert f"rises to {price.at.value:.3g} USD per million tokens" in text_of(page)
    assert len(rows_of(page, "turning")) == len(cheap.turns) + 1


def test_every_figure_has_its_text_and_its_numbers(page):
    drawn = re.findall(r"<figure>.*?</figure>", page, flags=re.DOTALL)
    assert len(drawn) == 3
    for each in drawn:
        name = re.search(r'<svg viewBox="[^"]*" role="img" aria-labelledby="([a-z]+)-title"', each)[1]
        assert re.search(rf'<title id="{name}-title">\S.*?</title><desc id="{name}-desc">\S.*?</desc>', each)
        assert re.search(r"<details>\s*<summary>.*?<table>.*?</table>.*?</details>", each, flags=re.DOTALL)


def test_ids_are_unique_and_everything_referred_to_is_there(page):
    taken = Page(page)
    twice = [name for name, count in Counter(taken.ids()).items() if count > 1]
    assert not twice
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', page)) | {
        name for _, found in taken.tags for name in (found.get("aria-labelledby") or "").split()
    }
    assert used <= set(taken.ids())
    assert {name.split("-")[0] for name in re.findall(r"url\(#([^)]+)", page)} <= {"along", "spread", "turns"}


def test_headings_go_down_one_by_one_and_tables_have_captions_and_scopes(page):
    levels = [int(tag[1]) for tag, _ in Page(page).tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= before + 1 for before, later in itertools.pairwise(levels))
    tags = Page(page).tags
    assert sum(tag == "table" for tag, _ in tags) == sum(tag == "caption" for tag, _ in tags) > 8
    assert {found.get("scope") for tag, found in tags if tag == "th"} == {"col", "row"}
    assert ("html", {"lang": "en"}) in tags


def test_the_rate_is_swept_around_what_is_stated_up_to_where_the_queue_settles():
    values = arrival_rate(world())[RATE]
    assert 6.0 in values
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0.5, 11.5)  # a p4d serves 12 runs a day


def test_what_people_wrote_in_a_drawing_never_becomes_a_tag():
    drawn = (
        '<?xml version="1.0"?><svg xmlns="x" a="b"><metadata>m</metadata><defs><style type="a">*{}</style></defs>'
        '<g id="a"><text style="font: 700 9px \'DejaVu Sans\'; fill: #6b6b6b">&lt;img src=x&gt; id="a" style="x"</text>'
        '</g><g id="c"><path style="fill: url(#a)" clip-path="url(#a)"/></g></svg>'
    )
    found = inline(drawn, "one", "<b>t</b>", '"d"', (0, 1, 2, 3))
    assert '>&lt;img src=x&gt; id="a" style="x"</text>' in found
    assert '<text font-size="9px" font-weight="700" fill="#6b6b6b">' in found
    assert '<g id="one-a">' in found
    assert 'fill="url(#one-a)" clip-path="url(#one-a)"' in found
    assert "&lt;b&gt;t&lt;/b&gt;" in found
    for gone in ("<style", "metadata", "<?xml", 'id="c"', "xmlns"):
        assert gone not in found
