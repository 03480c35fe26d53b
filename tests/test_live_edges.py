"""Edges of the live page: words of one, a position between points, thin stretches, addresses and files that changed."""

import pytest
from browser import browser, complaints
from live_page import READY, set_number, text, values, visit, wait
from live_world import serving
from worlds import ARTICLE

from sim.doors.live.engine import RealEngine

__all__ = ["browser"]


@pytest.fixture(scope="module")
def served():
    with serving() as running:
        yield running


def test_numbers_go_with_their_units(browser, served):
    visit(browser, served)
    said = text(browser, "levers")
    assert "in the scenario: 1 node, stated" in said
    assert "in the scenario: 6 a day, stated" in said
    assert "1 nodes" not in said
    boxes = "return [...document.querySelectorAll('#levers input[type=number]')].map(e => e.getAttribute('aria-label'))"
    assert "runs a day" in browser.execute_script(boxes)
    amounts = """
      const done = arguments[0];
      import("/chart.js").then(({amount}) => done([amount(1, "nodes"), amount(2, "nodes"), amount(1, "cv"),
        amount(0.5, "engineers"), amount(1, "engineers"), amount(1, "USD/h"), amount(12345.6, "USD a year")]));
    """
    want = ["1 node", "2 nodes", "cv 1", "0.5 engineers", "1 engineer", "1 USD/h", "12,346 USD a year"]
    assert browser.execute_async_script(amounts) == want


def test_a_long_name_to_choose_does_not_widen_a_narrow_page(browser, served):
    visit(browser, served, width=320)
    browser.execute_script("document.getElementById('along').parentElement.hidden = false")
    widen = "document.getElementById('along').append(new Option('price of an on-demand node of the largest kind'));"
    assert browser.execute_script(widen + "return document.documentElement.scrollWidth") == 320
    assert browser.execute_script("return document.getElementById('scenario').clientWidth") > 120  # its name is read


def test_every_line_runs_through_the_marker_of_the_position(browser, served):
    visit(browser, served)
    set_number(browser, "tuning_rate", 7.77)  # between two points
    found = browser.execute_script(
        """
        return [...document.querySelectorAll('#cost .median')].map(line => {
          const plan = line.getAttribute('class').match(/p[0-7]/)[0];
          const marker = [...document.querySelectorAll(`#cost .dot.${plan}`)].find(
              e => e.getAttribute('transform').includes('scale(1.25)'));
          const place = marker.getAttribute('transform').match(/translate[(]([^)]*)[)]/)[1];
          return [line.getAttribute('d').split(/[ML]/), place];
        });
        """
    )
    assert len(found) == 3
    for points, place in found:
        assert place in points


def test_a_thin_stretch_of_the_ribbon_has_no_negative_width(browser, served):
    visit(browser, served)
    complaints(browser)
    widths = """
      const done = arguments[0];
      import("/chart.js").then(({draw}) => {
        const series = ["a", "b", "c"].map((plan, slot) => ({plan, name: plan, slot, able: true, here: 2,
          eligible: [true, true], middle: [1, 2]}));
        const crossings = [[5, "a", "b"], [5.005, "b", "c"]].map(([x, from, to]) => ({x, from, to, y: null}));
        draw(document.getElementById("cost"), 900, 300,
          {x: [1, 9], low: 1, high: 9, now: 2, log: false, label: "", unit: "", series, crossings,
            cheapest: ["a", "c"]});
        done([...document.querySelectorAll("#cost rect")].map(e => Number(e.getAttribute("width"))));
      });
    """
    found = browser.execute_async_script(widths)
    assert len(found) >= 4
    assert min(found) > 0
    assert complaints(browser) == []


def test_what_an_address_says_in_vain_is_told_until_a_slider_moves(browser, served):
    visit(browser, served, "?scenario=article&tuning_rate=1000&reserved_nodes=1.5&nonsense=3&api_price=9")
    assert text(browser, "fault") == (
        "Left out of the address: tuning_rate=1000 (must be a number from 0.5 to 12 a day), "
        "reserved_nodes=1.5 (must be a whole number from 0 to 8 nodes), nonsense=3 (no slider of this scenario)."
    )
    assert (values(browser)["tuning_rate"], values(browser)["api_price"]) == (6, 9)
    set_number(browser, "tuning_rate", 7)
    assert browser.execute_script("return document.getElementById('fault').hidden")


def test_a_file_that_changed_under_an_open_page_is_read_anew(browser, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(ARTICLE)
    with serving(RealEngine(), files=[file]) as running:
        visit(browser, running)
        assert values(browser)["tuning_rate"] == 6
        file.write_text(ARTICLE.replace("rate_per_day: 6", "rate_per_day: 5"))
        set_number(browser, "staff_pay", 100_000)
        wait(browser, "return document.getElementById('fault').textContent.includes('has changed; it was read anew')")
        wait(browser, READY)
        assert (values(browser)["tuning_rate"], values(browser)["staff_pay"]) == (5, 100_000)
