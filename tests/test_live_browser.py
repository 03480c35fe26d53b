"""The live page in a real browser: quiet, quick, right, kept in the address, usable by keyboard.

Most tests look at a world computed by hand (`live_world`), so what must appear is known; the last at the real engine.
"""

import functools

import pytest
from browser import asked_for, browser, complaints
from live_page import READY, set_number, text, values, visit, wait
from live_world import FIRST, HandEngine, serving
from worlds import ARTICLE

from sim.doors.live.engine import RealEngine

__all__ = ["browser"]

STEPS, ROUNDS, MOST_MS = 30, 5, 150

# Moves a slider so many steps, each when the one before is on the screen; gives the milliseconds of each.
_STEP_THROUGH = """
const [name, start, steps, done] = arguments, hand = document.querySelector(`input[type=range][name=${name}]`);
performance.clearMeasures();
const took = [];
const next = () => {
  if (took.length === steps) return done(took);
  performance.clearMeasures();
  new PerformanceObserver((list, watcher) => {
    watcher.disconnect();
    took.push(list.getEntriesByName("step")[0].duration);
    setTimeout(next, 30);
  }).observe({ type: "measure" });
  hand.value = start + took.length + 1;
  hand.dispatchEvent(new Event("input", { bubbles: true }));
};
next();
"""


@pytest.fixture(scope="module")
def served():
    with serving() as running:
        yield running


def test_the_page_is_quiet_and_asks_nobody_else(browser, served):
    complaints(browser)
    asked_for(browser)
    visit(browser, served)
    browser.execute_script("document.getElementById('numbers').open = true")
    assert complaints(browser) == []
    asked = asked_for(browser)
    assert any("/api/answer" in address for address in asked)
    assert {address for address in asked if not address.startswith(served.access.address())} == set()
    assert served.said == []


def test_the_page_shows_what_the_engine_says(browser, served):
    visit(browser, served)
    assert text(browser, "sentence") == "api is cheapest: 8.00 USD a run, in 97 % of the years."
    assert "200 sample paths" in text(browser, "state")
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#plans tbody tr')].map(row => [...row.children].map(e => e.innerText))"
    )
    assert [row[0].strip() for row in rows] == ["reserved", "on-demand", "API"]
    assert [row[1].split()[0] for row in rows] == ["168", "157", "8"]
    assert rows[2][2].split()[0] == "97"
    assert rows[0][3].split()[0] == "50"
    assert browser.execute_script("return document.querySelector('#plans .best th').innerText.trim()") == "API"
    assert "Median at 6 a day: reserved 156, on-demand 146, API 7.44" in text(browser, "cost-text")


def test_a_dearer_api_changes_the_verdict_the_ribbon_and_the_chart(browser, served):
    visit(browser, served)
    before = browser.execute_script("return document.querySelector('#cost .median.p2').getAttribute('d')")
    set_number(browser, "api_price", 80)
    assert text(browser, "sentence").startswith("api is cheapest: 80.00")  # 157 for on-demand still
    set_number(browser, "staff_pay", 0)
    assert text(browser, "sentence").startswith("on_demand is cheapest: 65.54")
    after = browser.execute_script("return document.querySelector('#cost .median.p2').getAttribute('d')")
    assert before != after
    crossing = 19.22 * 24 / (32.77 * 2)  # where a held node costs what a rented one does
    drawn = browser.execute_script("return [...document.querySelectorAll('#cost text')].map(e => e.textContent)")
    assert f"≈ {crossing:.1f}".removesuffix(".0") in drawn
    assert browser.execute_script("return document.querySelectorAll('#cost .ring').length") == 1


def test_the_address_holds_the_state(browser, served):
    visit(browser, served)
    set_number(browser, "tuning_rate", 8)
    set_number(browser, "api_price", 40)
    wait(browser, "return location.search === '?scenario=article&tuning_rate=8&api_price=40'")
    shown = text(browser, "sentence")
    address = browser.current_url
    visit(browser, served)
    assert values(browser)["tuning_rate"] == 6
    browser.get(address)
    wait(browser, READY)
    assert (values(browser)["tuning_rate"], values(browser)["api_price"]) == (8, 40)
    assert text(browser, "sentence") == shown
    set_number(browser, "tuning_rate", 6)
    set_number(browser, "api_price", 8)
    wait(browser, "return location.search === '?scenario=article'")


def test_back_and_forward_bring_scenario_and_sliders_back(browser, served):
    visit(browser, served, "?scenario=article&tuning_rate=3")
    browser.execute_script(
        "const s = document.getElementById('scenario'); s.value = 'spot'; s.dispatchEvent(new Event('change'))"
    )
    wait(browser, "return document.title.startsWith('spot')")
    wait(browser, READY)
    assert values(browser)["tuning_rate"] == 6
    browser.back()
    wait(browser, "return document.title.startsWith('article')")
    wait(browser, READY)
    assert values(browser)["tuning_rate"] == 3
    browser.forward()
    wait(browser, "return document.title.startsWith('spot')")


def test_the_keyboard_moves_a_slider(browser, served):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    visit(browser, served)
    browser.execute_script("document.body.focus()")
    skip = browser.switch_to.active_element
    skip.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the answer"
    hand = browser.find_element(By.CSS_SELECTOR, "input[name=tuning_rate]")
    browser.execute_script("arguments[0].focus({focusVisible: true})", hand)
    outline = browser.execute_script("return getComputedStyle(arguments[0]).outlineWidth", hand)
    assert outline == "3px"
    hand.send_keys(Keys.ARROW_RIGHT)
    moved = values(browser)["tuning_rate"]
    assert 6 < moved < 6.3
    assert hand.get_attribute("aria-valuetext") == f"{moved:g} a day"
    wait(browser, "return location.search.includes('tuning_rate=')")
    hand.send_keys(Keys.ARROW_LEFT)
    assert values(browser)["tuning_rate"] == 6
    hand.send_keys(Keys.END)
    assert values(browser)["tuning_rate"] == 12


def test_the_verdict_is_spoken_once_the_hand_rests(browser, served):
    visit(browser, served)
    set_number(browser, "api_price", 80)
    wait(browser, "return document.getElementById('spoken').textContent.includes('80.00 USD')")
    assert browser.execute_script("return document.getElementById('spoken').getAttribute('aria-live')") == "polite"


def test_a_wrong_number_is_told_and_not_asked(browser, served):
    visit(browser, served)
    script = """
      const box = document.querySelector('#lever-tuning_rate').closest('.lever').querySelector('input[type=number]');
      box.value = 1000; box.dispatchEvent(new Event('input', {bubbles: true}));
      return [box.getAttribute('aria-invalid'), box.closest('.lever').textContent];
    """
    invalid, said = browser.execute_script(script)
    assert invalid == "true"
    assert "from 0.5 to 12 a day" in said
    assert text(browser, "sentence").startswith("api is cheapest: 8.00")


def test_a_press_in_the_chart_moves_the_lever_there(browser, served):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    visit(browser, served)
    chart = browser.find_element(By.ID, "cost")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    ActionChains(browser).move_to_element_with_offset(chart, -200, 0).click_and_hold().release().perform()
    assert 0.5 < values(browser)["tuning_rate"] < 6
    ActionChains(browser).move_to_element_with_offset(chart, 50, 5).perform()
    assert "a day" in browser.execute_script("return document.getElementById('aim').textContent")


def test_a_hostile_file_stays_text(browser, tmp_path):
    hostile = tmp_path / "<img src=x onerror=document.title=1>.yaml"
    hostile.write_text("# <script>document.title = 2</script>?\n" + ARTICLE)
    with serving(_Hostile(), files=[hostile]) as running:
        complaints(browser)
        visit(browser, running)
        browser.execute_script("document.getElementById('numbers').open = true")
        assert browser.title == "article · fleetecon live"
        assert browser.execute_script("return document.querySelectorAll('main img, main script').length") == 0
        assert "<b onclick=x>" in text(browser, "levers")
        assert "<img src=x onerror=document.title=1>.yaml" in text(browser, "scenario")
        assert text(browser, "sentence") == "<script>document.title = 3</script>"
        assert complaints(browser) == []
        browser.get(f"{running.access.address()}?scenario=%3Cimg%20src=x%20onerror=alert(1)%3E")
        wait(browser, "return !document.getElementById('fault').hidden")
        assert "`<img src=x onerror=alert(1)>` is not offered here" in text(browser, "fault")


class _Hostile(HandEngine):
    def look(self, scenario, text):
        look = super().look(scenario, text)
        told = look.as_json()
        told["question"] = "<script>document.title = 2</script>?"
        told["levers"] = [{**each, "label": f"<b onclick=x>{each['label']}"} for each in told["levers"]]
        look.as_json = lambda: told
        return look

    def answer(self, *given):
        found = super().answer(*given)
        found["verdict"]["sentence"] = "<script>document.title = 3</script>"
        found["warnings"] = [{"code": "x", "text": "<img src=x onerror=alert(1)>"}]
        return found


def test_a_server_that_is_gone_is_told(browser, served):
    gone = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    visit(browser, served)
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", gone)
    browser.execute_script(
        "const e = document.getElementById('lever-tuning_rate'); e.value = 10; e.dispatchEvent(new Event('input'))"
    )
    wait(browser, "return document.getElementById('fault').textContent.includes('still running')")
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", gone | {"offline": False})
    set_number(browser, "tuning_rate", 8)
    assert browser.execute_script("return document.getElementById('fault').hidden")
    complaints(browser)


def test_only_the_newest_position_is_asked_while_a_hand_drags(browser):
    engine = HandEngine(delay=0.01)  # 80 ms for the first answer
    with serving(engine) as running:
        visit(browser, running)
        engine.asked.clear()
        browser.execute_async_script(
            """
            const done = arguments[0], hand = document.querySelector('input[name=tuning_rate]');
            let k = 0;
            const timer = setInterval(() => {
              hand.value = 20 + k; hand.dispatchEvent(new Event('input', {bubbles: true}));
              if (++k === 60) { clearInterval(timer); done(); }
            }, 10);
            """
        )
        wait(browser, READY)
        first = [values for values, paths in engine.asked if paths == FIRST]
        assert 3 <= len(first) < 40
        assert first[-1] == {"tuning_rate": values(browser)["tuning_rate"]}
        assert engine.asked[-1] == (first[-1], 200)


def p95(took):
    return sorted(took)[int(0.95 * len(took))]


def test_a_step_of_a_slider_shows_within_150_ms(browser, record_property):
    with serving(RealEngine()) as running:
        visit(browser, running, "?scenario=article")
        step = functools.partial(browser.execute_async_script, _STEP_THROUGH, "tuning_rate")
        rounds = []
        for k in range(ROUNDS):  # the best of five: what else runs on the machine is not judged here
            rounds.append(p95(step(20 + (STEPS + 1) * k, STEPS)))  # places that were not asked for yet
            if rounds[-1] <= MOST_MS:
                break
        record_property("p95_ms", rounds)
        assert min(rounds) <= MOST_MS, rounds
