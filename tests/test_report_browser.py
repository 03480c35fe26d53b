"""The report in a real browser: it opens from disk, complains of nothing, asks for nothing, and fits a telephone."""

import pytest
from browser import asked_for, browser, complaints
from drawings import world
from studies import RATE

from sim.doors.report import gather, report

__all__ = ["browser"]


@pytest.fixture(scope="module")
def opened(browser, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(report(gather(world(), {RATE: [3, 6, 9]}, replications=3)), encoding="utf-8")
    asked_for(browser)
    complaints(browser)
    browser.get(file.as_uri())
    return browser, file.as_uri()


def test_it_opens_from_disk_and_asks_for_nothing_else(opened):
    driver, address = opened
    assert driver.title == "article: which plan is the cheapest"
    assert asked_for(driver) == [address]
    assert complaints(driver) == []


def test_a_policy_that_forbids_all_else_is_in_force(opened):
    driver, _ = opened
    refusal = driver.execute_async_script(
        "const done = arguments[0];"
        "document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective), {once: true});"
        "const picture = new Image(); picture.src = 'nowhere.png'; document.body.append(picture);"
        "setTimeout(() => done('nothing was refused'), 3000);"
    )
    assert refusal == "img-src"
    complaints(driver)


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_never_scrolls_sideways(opened, width):
    driver, _ = opened
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wide = "return [document.documentElement.scrollWidth, window.innerWidth]"
    assert driver.execute_script(wide) == [width, width]
    driver.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert driver.execute_script(wide) == [width, width]


def test_drawings_keep_their_size_in_boxes_of_their_own(opened):
    driver, _ = opened
    size = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    size_of = "each => [each.scrollWidth, each.clientWidth, each.tabIndex]"
    boxes = driver.execute_script(f"return [...document.querySelectorAll('.drawing')].map({size_of})")
    assert len(boxes) == 3
    for inner, outer, reached in boxes:
        assert inner >= 700
        assert outer <= 400
        assert reached == 0


def test_the_style_sheet_is_taken(opened):
    driver, _ = opened
    assert driver.execute_script("return getComputedStyle(document.querySelector('td small')).display") == "block"
    stroke = "return getComputedStyle(document.querySelector('.drawing svg path')).strokeLinejoin"
    assert driver.execute_script(stroke) in {"round", "miter"}


def test_nothing_is_cut_on_paper(opened):
    driver, _ = opened
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    size = {"width": 680, "height": 1000, "deviceScaleFactor": 1, "mobile": False}  # A4 less its margins
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    wide = "return [...document.querySelectorAll('table, svg')].filter(each => each.checkVisibility())"
    wide += ".filter(each => each.getBoundingClientRect().right > 681).map(each => each.textContent.slice(0, 40))"
    assert driver.execute_script(wide) == []
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 680
    shown = "return [...document.querySelectorAll('details, nav')].filter(each => each.checkVisibility()).length"
    assert driver.execute_script(shown) == 0
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
