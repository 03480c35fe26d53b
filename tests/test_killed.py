"""F01: killed at any step that makes something lasting, a study goes on and ends in the very same files."""

import re

import numpy as np
import pytest
from kept import BLOCK, CELLS, RUN, STORE, SWEEP, Copies, finals

QUESTIONS = {"sweep": (SWEEP, {}, CELLS), "run": (RUN, {"block": BLOCK}, 6)}


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A program of which copies are run, and killed."""
    made = Copies(tmp_path_factory.mktemp("killed"))
    yield made
    made.close()


@pytest.fixture(scope="module", params=list(QUESTIONS))
def asked(request, copies):
    """A question, and what an uninterrupted command answers."""
    arguments, how, units = QUESTIONS[request.param]
    whole = copies.run(*arguments, "--out", f"whole_{request.param}", **how)
    assert (whole["status"], len(whole["done"])) == (0, units), whole["stderr"]
    return request.param, arguments, how, whole, finals(copies.folder / f"whole_{request.param}")


def there(stderr: str) -> int:
    """How many units a command says it found."""
    told = re.search(r"^(\d+) of \d+ [a-z ]+ are there already", stderr, re.MULTILINE)
    return int(told[1]) if told else 0


def goes_on(copies, asked, folder: str) -> dict:
    """The same command again: it does what is missing, and ends in the same files."""
    _, arguments, how, whole, files = asked
    ended = copies.run(*arguments, "--out", folder, **how)
    assert ended["status"] == 0, ended["stderr"]
    assert ended["stdout"] == whole["stdout"]
    assert len(ended["done"]) == len(set(ended["done"])) == len(whole["done"]) - there(ended["stderr"])
    assert finals(copies.folder / folder) == files
    return ended


def test_f01_killed_at_every_step_it_goes_on(copies, asked):
    name, arguments, how, whole, _ = asked
    lost = set()
    for at in range(whole["steps"]):
        folder = f"{name}_{at}"
        died = copies.run(*arguments, "--out", folder, at=at, **how)
        assert died["status"] == -9, (at, died["stderr"])
        ended = goes_on(copies, asked, folder)
        # done twice: only what was under way, a piece for each thread and as many ready to be kept
        lost.add(len(set(died["done"]) & set(ended["done"])))
    assert whole["steps"] > 40
    assert max(lost) <= 4


def test_f01_five_times_in_a_row(copies, asked):
    name, arguments, how, _, _ = asked
    for at in (6, 5, 9, 11, 8):
        assert copies.run(*arguments, "--out", f"{name}_five", at=at, **how)["status"] == -9
    goes_on(copies, asked, f"{name}_five")
    assert goes_on(copies, asked, f"{name}_five")["done"] == []
    assert (copies.folder / f"{name}_five" / STORE).exists()


def killed_at_random(copies, asked, kills: int, chance: np.random.Generator) -> None:
    """Kill studies that run so many times at any time, up to five times in a row; each must end in the same files."""
    name, arguments, how, whole, _ = asked
    landed = 0
    for tried in range(20 * kills):
        folder = f"{name}_random_{kills}_{tried}"
        for _ in range(min(5, kills - landed)):
            after = chance.uniform(0.0, whole["seconds"])
            if copies.run(*arguments, "--out", folder, after=after, **how)["status"] != -9:
                break  # it was done before: the next one starts from nothing
            landed += 1
        goes_on(copies, asked, folder)
        if landed == kills:
            return
    pytest.fail(f"only {landed} of {kills} kills found it running")


def test_f01_killed_at_random_times(copies, asked):
    killed_at_random(copies, asked, 100, np.random.default_rng(9))
