"""Pictures of what a browser shows: the live page and the report, both of the article.

    python experiments/screens.py [--reps 200] [--out outputs/screens]

live.png is the page at 1280 pixels with its final answer, report.png the first screen of the report. They need selenium
(`pip install .[test]`), chromium and chromedriver; without them nothing is drawn, and it is said what is missing.
"""

import argparse
import base64
import contextlib
import importlib
import importlib.util
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.doors.cli.app import guarded
from sim.doors.live.engine import RealEngine
from sim.doors.live.routes import Routes
from sim.doors.live.server import LiveServer
from sim.doors.live.shelf import Shelf
from sim.doors.report import gather, report
from sim.ground.files import output_folder, shipped_scenarios, write
from sim.ground.scenario import load

NAME = "article"
WIDTH, HEIGHT = 1280, 900
PATIENCE_S = 300.0  # kernels may have to be compiled first
CHROMIUM, DRIVER = ("chromium", "google-chrome"), ("chromedriver",)
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--hide-scrollbars", "--force-device-scale-factor=1"),
    *("--force-color-profile=srgb", "--lang=en-US"),
)
TALL = (
    "return Math.max(document.documentElement.scrollHeight,"
    " document.querySelector('.side').scrollHeight + document.querySelector('.bar').offsetHeight + 60)"
)
FINAL = "return document.getElementById('meter').classList.contains('done')"


def missing() -> list[str]:
    """Name what a picture needs and this machine has not."""
    lacks = [names[0] for names in (CHROMIUM, DRIVER) if not found(names)]
    return lacks if importlib.util.find_spec("selenium") else ["selenium", *lacks]


def found(names: tuple[str, ...]) -> str | None:
    """Find the first program of these names that there is."""
    return next((where for name in names if (where := shutil.which(name))), None)


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """Open a browser without a window, as wide as the pictures."""
    webdriver = importlib.import_module("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = found(CHROMIUM)
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found(DRIVER)))
    try:
        seen(driver, HEIGHT)
        yield driver
    finally:
        driver.quit()


def complain(text: str) -> None:
    """Show an error of the server's own."""
    sys.stderr.write(text)


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Serve the live page at a free port; give its address."""
    engine = RealEngine()
    server = LiveServer("127.0.0.1", 0, None, Routes(Shelf([], engine.look), engine, NAME), complain)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.access.address()
    finally:
        server.shutdown()
        server.server_close()


def until_final(driver: Any, patience_s: float = PATIENCE_S) -> None:
    """Wait until the page has as many paths as it gets.

    Raises
    ------
    TimeoutError
        When it has not by then.
    """
    ends = time.monotonic() + patience_s
    while not driver.execute_script(FINAL):
        if time.monotonic() > ends:
            raise TimeoutError(f"the live page had no final answer within {patience_s:g} s")
        time.sleep(0.1)


def seen(driver: Any, height: int) -> None:
    """Give the page so many pixels of height."""
    size = {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def picture(driver: Any) -> bytes:
    """Take a picture of what is in view."""
    return base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"])


def draw(out: Path, reps: int) -> None:
    """Draw both pictures into a folder."""
    page = out / "report.html"
    write(page, report(gather(load(shipped_scenarios()[NAME]), replications=reps)))
    with browser() as driver, served() as address:
        driver.get(page.resolve().as_uri())
        (out / "report.png").write_bytes(picture(driver))
        driver.get(address)
        until_final(driver)
        seen(driver, driver.execute_script(TALL))  # all of the page in view: its sliders scroll by themselves else
        (out / "live.png").write_bytes(picture(driver))


def main() -> None:
    """Draw the pictures, or say why not."""
    parser = argparse.ArgumentParser(description="Pictures of the live page and the report.")
    parser.add_argument("--reps", type=int, default=200, help="replications of the report (200)")
    parser.add_argument("--out", default="outputs/screens", help="folder of the pictures")
    given = parser.parse_args()
    if lacks := missing():
        sys.stderr.write(f"no pictures of the pages: {', '.join(lacks)} not found\n")
        return
    draw(output_folder(given.out), given.reps)


if __name__ == "__main__":
    guarded(main)
