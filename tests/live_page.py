"""How a test uses the live page in a browser: opens it, types into it, reads it."""

from browser import resize

READY = "return document.getElementById('meter').classList.contains('done')"


def wait(browser, script, *arguments):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 60, poll_frequency=0.02).until(lambda driver: driver.execute_script(script, *arguments))


def visit(browser, server, query="", width=1280):
    """Open the page, and wait until its answer is as sharp as it gets."""
    resize(browser, width)
    browser.get(f"{server.access.address()}{query}")
    wait(browser, READY)


def text(browser, name):
    return browser.execute_script("return document.getElementById(arguments[0]).textContent", name).replace(
        "\u00a0", " "
    )


def set_number(browser, lever, value):
    """Type a number into the box of a lever, as a hand does, and wait for the final answer."""
    script = """
      const lever = document.querySelector(`#lever-${arguments[0]}`).closest('.lever');
      const box = lever.querySelector('input[type=number]');
      box.value = arguments[1]; box.dispatchEvent(new Event('input', {bubbles: true}));
      document.getElementById('meter').classList.remove('done');
    """
    browser.execute_script(script, lever, value)
    wait(browser, READY)


def values(browser):
    return browser.execute_script(
        "return Object.fromEntries([...document.querySelectorAll('input[type=range]')].map("
        "each => [each.name, each.closest('.lever').querySelector('input[type=number]').valueAsNumber]))"
    )
