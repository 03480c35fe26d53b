"""How the live page looks: curves where their values say, every text readable, at any width, in light and dark."""

import numpy as np
import pytest
from browser import browser, contrasts, emulate
from live_page import set_number, text, visit
from live_world import cost, serving

from sim.questions.charts.style import looks

__all__ = ["browser"]


@pytest.fixture(scope="module")
def served():
    with serving() as running:
        yield running


def test_curves_stand_where_their_values_say(browser, served):
    visit(browser, served)
    found = browser.execute_script(
        """
        const d = document.querySelector('#cost .median.p0').getAttribute('d');
        const points = d.match(/[ML][^ML]+/g).map(p => p.slice(1).split(' ').map(Number));
        const ticks = [...document.querySelectorAll('#cost text[text-anchor=end]')].map(
            e => [Number(e.textContent.replaceAll(',', '')), Number(e.getAttribute('y')) - 4]);
        return [points, ticks];
        """
    )
    points, ticks = found
    known = np.array([tick for tick in ticks if tick[0] is not None and tick[0] > 0 and tick[0] == tick[0]])
    slope, at_one = np.polyfit(np.log10(known[:, 0]), known[:, 1], 1)
    defaults = {"staff_pay": 200_000.0, "p4d_price": 19.22, "reserved_nodes": 1.0}
    told = 0.93 * cost("reserved", 0.5, defaults)  # the first point: the median at half a run a day
    assert 10 ** ((points[0][1] - at_one) / slope) == pytest.approx(told, rel=0.01)


def test_where_a_plan_cannot_serve_is_hatched_and_said(browser, served):
    visit(browser, served)
    assert browser.execute_script("return document.querySelectorAll('#cost .unable').length") == 1
    words = browser.execute_script("return [...document.querySelectorAll('#cost text')].map(e => e.textContent)")
    assert "reserved cannot do the work" in words
    set_number(browser, "tuning_rate", 12)
    assert "the queue grows without end" in text(browser, "plans")


def test_labels_of_curves_do_not_overlap(browser, served):
    for width in (1280, 400):
        visit(browser, served, width=width)
        boxes = browser.execute_script(
            "return [...document.querySelectorAll('svg.chart')].map(c => [...c.querySelectorAll('text')].map(e => {"
            "const b = e.getBoundingClientRect(); return [b.left, b.top + 3, b.right, b.bottom - 3, e.textContent]}))"
        )
        for chart in boxes:
            assert len(chart) > 8
            for k, (left, top, right, bottom, words) in enumerate(chart):
                for other in chart[:k]:
                    apart = left >= other[2] or other[0] >= right or top >= other[3] or other[1] >= bottom
                    assert apart, (width, words, other[4])


def test_every_control_and_table_has_a_name(browser, served):
    visit(browser, served)
    browser.execute_script("document.getElementById('numbers').open = true")
    nameless = browser.execute_script(
        """
        const all = 'input, select, button, a, table, svg[role=img], aside, nav, section';
        return [...document.querySelectorAll(all)].filter(e => {
          const by = e.getAttribute('aria-labelledby');
          const label = e.getAttribute('aria-label') || (by && document.getElementById(by)?.textContent)
            || e.labels?.[0]?.textContent || e.querySelector?.('caption')?.textContent
            || (['BUTTON', 'A'].includes(e.tagName) && e.textContent);
          return !label;
        }).map(e => e.outerHTML.slice(0, 100));
        """
    )
    assert nameless == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 400])
def test_every_text_can_be_read(browser, served, dark, width):
    emulate(browser, dark=dark)
    visit(browser, served, width=width)
    set_number(browser, "tuning_rate", 12)
    browser.execute_script("document.getElementById('numbers').open = true")
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(14, 17, 21)") == dark
    found = contrasts(browser)
    assert len(found) > 60
    assert found[0][0] >= 4.5, found[:5]
    emulate(browser)


def test_the_toggle_wins_over_the_system_and_is_kept(browser, served):
    visit(browser, served)
    ground = "return getComputedStyle(document.body).backgroundColor"
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.execute_script(ground) == "rgb(14, 17, 21)"
    visit(browser, served)
    assert browser.execute_script(ground) == "rgb(14, 17, 21)"
    browser.execute_script("document.getElementById('theme').click()")
    assert browser.execute_script(ground) != "rgb(14, 17, 21)"


@pytest.mark.parametrize("width", [320, 400, 700, 1000, 1600])
def test_the_page_fits_its_width(browser, served, width):
    visit(browser, served, width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_plans_have_the_colours_of_the_charts(browser, served):
    visit(browser, served)
    for k, look in enumerate(looks([str(k) for k in range(8)]).values()):
        said = browser.execute_script(
            f"const e = document.body.appendChild(document.createElement('i')); e.style.color = 'var(--p{k})';"
            "const c = getComputedStyle(e).color; e.remove(); return c"
        )
        red, green, blue = (int(look.colour[i : i + 2], 16) for i in (1, 3, 5))
        assert said == f"rgb({red}, {green}, {blue})"
