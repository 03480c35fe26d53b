"""FAULTS S05: what people wrote stays text in the report; and the page's own promises: its policy, its contrast."""

import base64
import hashlib
import re

import pytest
from drawings import world
from reports import Page, drawing, text_of
from studies import RATE
from worlds import ARTICLE

from sim.doors.report import gather, report
from sim.ground.scenario import build, with_settings
from sim.ground.scenario.tree import read_text

SCRIPT, IMAGE = "</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>'
BREAKING = "</style></svg></title></desc><svg onload=alert(1)>`{{7*7}}`"
HOSTILE = {
    "horizon_days": 20,
    "decision": {"months": 2},
    "workload.tuning.source": f"assumed: {SCRIPT}",
    "plans.reserved.held.p4d": {"gpus": 8, "nodes": 1, "usd_per_node_h": 19.22, "source": f"list price: {IMAGE}"},
    "plans.api.api": {"usd_per_million_tokens": 8, "hours_per_million_tokens": 1, "source": f"assumed: {BREAKING}"},
    "workload.tuning.arrivals.rate_per_day": {"p10": 4, "p90": 8, "source": f"assumed: {SCRIPT}{IMAGE}"},
}
DRAWN = ("g", "path", "text", "tspan", "defs", "use", "clippath", "rect", "pattern")


def hostile():
    return build(with_settings(read_text(ARTICLE, "x"), HOSTILE))


@pytest.fixture(scope="module")
def found():
    return gather(hostile(), {RATE: [3, 6, 9]}, replications=3, futures=12)


@pytest.fixture(scope="module")
def page(found):
    return report(found)


def test_what_people_wrote_stays_text(page):
    kinds = {tag for tag, _ in Page(page).tags}
    assert not kinds & {"script", "img", "iframe", "object", "link"}
    for _, attributes in Page(page).tags:
        assert not any(key.startswith("on") for key in attributes)
    read = text_of(page)
    for wrote in (SCRIPT, IMAGE, BREAKING.replace("`", "")):
        assert " ".join(wrote.split()) in read.replace(" {{7*7}} ", "{{7*7}}"), wrote
    assert "49" not in [word for word in read.split() if "7*7" in word]
    assert page.count("<style>") == page.count("</style>") == 1


def test_a_file_name_stays_text(tmp_path):
    name = "x'\"><img src=x onerror=alert(1)>.csv"
    (tmp_path / name).write_text("at,h\n1,2\n5,1\n9,3\n30,2\n")
    values = read_text(ARTICLE, "x")
    work = {
        "kind": "fine_tune",
        "gpus": 8,
        "trace": {"file": name, "columns": {"arrival": "at", "service": "h"}, "arrival_unit": "hours"},
    }
    priced = {"plans.api.api": {"usd_per_job": 8}}
    scenario = build(with_settings(values, {"horizon_days": 3, "workload": {"tuning": work}, **priced}), tmp_path)
    found = gather(scenario, {}, replications=2)
    page = report(found)
    assert "img" not in {tag for tag, _ in Page(page).tags}
    assert name in text_of(page)


def test_hostile_words_in_drawings_stay_text(page):
    for name in ("along", "spread", "turns", "fan", "regret", "tornado"):
        kinds = {tag for tag, _ in Page(drawing(page, name)).tags}
        assert kinds <= {"svg", "title", "desc", *DRAWN}


def test_the_policy_allows_the_one_style_sheet_and_nothing_else(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == f"'sha256-{digest}'"
    assert "unsafe" not in policy
    assert not any("style" in attributes for _, attributes in Page(page).tags)
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert "url(" not in style
    assert "@import" not in style


def luminance(colour: str) -> float:
    """Relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_definition():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_all_text_can_be_read(page):
    style = re.search(r"<style>(.*?)</style>", page, flags=re.DOTALL)[1]
    named = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", style))
    assert {"ink", "soft", "mark", "wash"} <= set(named)
    for colour in ("ink", "soft", "mark"):
        for behind in ("#ffffff", named["wash"]):
            assert contrast(named[colour], behind) >= 4.5, colour
    used = set(re.findall(r"(?<![-\w])color: ([^;]+);", style))
    assert used <= {"var(--ink)", "var(--soft)", "var(--mark)"}


def test_all_text_in_drawings_can_be_read(page):
    inks = set(re.findall(r'<text [^>]*?fill="(#[0-9a-f]{6})"', page))
    assert inks
    for ink in inks:
        assert contrast(ink, "#ffffff") >= 4.5 or (ink == "#ffffff" and contrast(ink, "#0072b2") >= 4.5), ink


def test_uncertain_numbers_without_a_span_are_told_and_no_fault():
    values = read_text(ARTICLE, "x")
    rate = {"p10": 4, "p90": 8}
    scenario = build(with_settings(values, {"horizon_days": 20, "workload.tuning.arrivals.rate_per_day": rate}))
    found = gather(scenario, {RATE: [3, 6]}, replications=2)
    assert found.decided is None
    assert "no_decision : nothing is decided over months: decision.months must be stated" in text_of(report(found))


def test_a_world_of_plain_words_is_told_alike(found):
    plain = report(gather(world(), {RATE: [3, 6]}, replications=2))
    assert {tag for tag, _ in Page(plain).tags} <= {tag for tag, _ in Page(report(found)).tags}
