"""The report: its numbers are those of the results file, its bytes depend on the study alone."""

import html
import re

import pytest
from drawings import world
from studies import RATE

from sim.report import gather, report

VARY = {RATE: [1, 3, 6, 9, 11]}


def text_of(page: str) -> str:
    """What a reader reads, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.S))).split())


@pytest.fixture(scope="module")
def found():
    return gather(world(), VARY, replications=8)


@pytest.fixture(scope="module")
def page(found):
    return report(found)


def test_the_verdict_is_that_of_the_result(found, page):
    best = found.study.result["comparison"]["cheapest"]
    bill = found.study.result["plans"][best]["bill_usd"]["total"].value
    assert best == "api"
    assert f"Cheapest: api , {bill:,.0f} USD on average; on 100 %" in text_of(page)
    assert "95 % of tuning start at once" in text_of(page)


def test_it_is_the_same_to_the_last_byte(page):
    assert report(gather(world(), VARY, replications=8, jobs=1)) == page
    assert len(page.encode()) < 1_000_000
