"""Units of work: what their keys tell apart, and where a run is cut into them."""

from types import SimpleNamespace

from studies import RATE
from worlds import scenario

from sim.study.simulate import Experiment
from sim.study.units import Unit, blocks


def key(settings=None, seed=1, engine="kernel", replications=range(4), estimated=True, name="cell"):
    """The key of a unit of the article."""
    return Unit(name, Experiment.of(scenario(settings=settings or {}), seed, engine), replications, estimated).key


def test_a_key_tells_all_that_a_result_hangs_on():
    others = [
        key({RATE: 1}),
        key(seed=2),
        key(engine="simpy"),
        key(replications=range(5)),
        key(replications=range(1, 4)),
        key(estimated=False),
    ]
    assert len({key(), *others}) == 1 + len(others)
    assert key(name="the same by another name") == key()


def test_blocks_begin_at_the_same_replications_wherever_a_run_goes_on():
    # 2**24 jobs a block, of 2**20 a replication and plan: 16 replications.
    experiment = SimpleNamespace(jobs_expected=2**20 - 1, tunings=["plan"])
    cuts = [(each.replications.start, each.replications.stop) for each in blocks(experiment, 40, first=10)]
    assert cuts == [(10, 16), (16, 32), (32, 40)]
    assert [each.replications.stop for each in blocks(experiment, 40, ends=[10])] == [10, 16, 32, 40]
