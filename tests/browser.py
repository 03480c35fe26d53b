"""A real browser for tests: chromium without a window, what it complained of, what it asked for, what it shows.

A test file that wants it says ``from browser import browser`` (a fixture); without chromium its tests are skipped.
"""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

CHROMIUM, DRIVER = (shutil.which("chromium") or shutil.which("google-chrome")), shutil.which("chromedriver")

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests often run as root, in a container
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--force-color-profile=srgb",
    "--lang=en-US",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One browser for all tests of a file; skipped with the reason where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed (extra `test`)")
    if not CHROMIUM or not DRIVER:
        pytest.skip("no chromium and chromedriver on PATH")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(60)
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


def complaints(driver: Any) -> list[str]:
    """What the console said since the last call, without mere information."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in {"WARNING", "SEVERE"}]


def asked_for(driver: Any) -> list[str]:
    """The addresses that pages asked for since the last call, over any scheme but data:, blob: and about:."""
    events = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    sent = (event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent")
    return [address for address in sent if not address.startswith(("data:", "blob:", "about:", "chrome:"))]


def resize(driver: Any, width: int, height: int = 900) -> None:
    """Give the page exactly so many CSS pixels (a window is never narrower than 500)."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def emulate(driver: Any, *, dark: bool = False, still: bool = False, media: str = "") -> None:
    """Show the page as in a dark scheme, to who wants no motion, or in print (``media="print"``)."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    motion = {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme, motion]})


def grey(driver: Any, on: bool = True) -> None:
    """Show the page without colour."""
    driver.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "achromatopsia" if on else "none"})


def screenshot(driver: Any, file: str, full: bool = True) -> None:
    """Write a picture of the whole page (or of what is in view)."""
    import base64

    how = {"format": "png", "captureBeyondViewport": full}
    if full:
        size = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        how["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    with open(file, "wb") as picture:
        picture.write(base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", how)["data"]))


# For every text in view: the contrast of its colour with what lies behind it, by WCAG's formula.
_CONTRAST = """
const lin = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = s => { const m = s.match(/[\\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
const over = (a, b) => [0, 1, 2].map(k => a[k] * a[3] + b[k] * (1 - a[3])).concat(1);
const light = c => 0.2126 * lin(c[0]) + 0.7152 * lin(c[1]) + 0.0722 * lin(c[2]);
const behind = el => {
  const stack = [];
  for (let e = el; e; e = e.parentElement) stack.push(parse(getComputedStyle(e).backgroundColor));
  return stack.reverse().reduce((under, c) => over(c, under), [255, 255, 255, 1]);
};
const covers = (rect, text) => {
  const [a, b] = [rect.getBoundingClientRect(), text.getBoundingClientRect()];
  return a.left <= b.left + 1 && a.right >= b.right - 1 && a.top <= b.top + 6 && a.bottom >= b.bottom - 6;
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.nodeValue.trim(), el = walker.currentNode.parentElement;
  if (!text || !el.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
  if (!el.getClientRects().length || el.closest('[disabled], [aria-disabled=true], script, style, title')) continue;
  const style = getComputedStyle(el), under = el.previousElementSibling;
  const ground = el instanceof SVGElement && under?.tagName === 'rect' && covers(under, el)
    ? over(parse(getComputedStyle(under).fill), behind(el)) : behind(el);
  const ink = over(parse(el instanceof SVGElement ? style.fill : style.color), ground);
  const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
  found.push([(a + 0.05) / (b + 0.05), text.slice(0, 60), style.color]);
}
return found.sort((a, b) => a[0] - b[0]);
"""


def contrasts(driver: Any) -> list[tuple[float, str, str]]:
    """The contrast of each visible text with its ground, the weakest first."""
    return [tuple(entry) for entry in driver.execute_script(_CONTRAST)]
