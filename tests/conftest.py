"""How the tests run, and what is made once for many of them. Hypothesis draws the same examples every time."""

import gc
import os

import pytest
from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")
pytest.register_assert_rewrite("refusals", "studies", "drawings")
gc.set_threshold(200_000, 50, 1000)  # to look for garbage among what numba and pydantic keep took a twelfth of the time


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """One worker more than processors: some tests wait, for a kill, a disk, a browser."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items):
    """Begin with the file that takes longest by itself, lest a processor wait for it at the end.

    The next longest comes in the middle: it runs every kernel, so by then others have compiled them.
    """
    places = {"test_kernels.py": "", "test_theory.py": "test_h"}
    items.sort(key=lambda item: places.get(item.path.name, item.path.name))


@pytest.fixture
def article_file(tmp_path):
    """The article as a file."""
    from worlds import ARTICLE

    (tmp_path / "article.yaml").write_text(ARTICLE)
    return tmp_path / "article.yaml"


@pytest.fixture(scope="session")
def article_study():
    """A hundred years of the article, with a hybrid plan beside its three."""
    from studies import HYBRID
    from worlds import scenario

    from sim.study import run

    return run(scenario(settings={"plans.hybrid": HYBRID}), replications=100)


@pytest.fixture(scope="session")
def article_grid():
    """The article without its engineer, from half a run a day to just below the 12 that a p4d can serve."""
    from studies import RATE
    from worlds import scenario

    from sim.study import sweep

    free = scenario(settings={"plans.reserved.staff.engineers": 0, "plans.reserved.staff.usd_per_year": 0})
    return sweep(free, {RATE: [0.5, 1, 2, 4, 6, 8, 10, 11, 11.5]}, replications=200)


@pytest.fixture(scope="session")
def chart_grid():
    """The world that charts are drawn of, from 1 run a day to the 12 that its node can serve."""
    from drawings import world
    from studies import RATE

    from sim.study import sweep

    return sweep(world(), {RATE: [1, 3, 6, 9, 12]}, replications=4)
