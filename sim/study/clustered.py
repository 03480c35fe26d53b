"""Units of work done by the workers of a Dask cluster, in place of threads of this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sim.ground.cluster import WAIT, Cluster, joined
from sim.study.pieces import run_piece
from sim.study.threads import tried
from sim.study.units import Unit, effort

_QUICK = 1e6  # jobs and requests of a replication that are served in a second


@contextmanager
def clustered(address: str, tell: Callable[[str], None], wait: float = WAIT) -> Iterator[Cluster]:
    """Join a Dask cluster whose workers can do units of work.

    Parameters
    ----------
    address : str
        ``tcp://host:port``, ``tls://host:port``, or a scheduler file.
    tell : callable
        Takes a line for the person who waits: who is there, who has gone.
    wait : float
        Seconds that a worker has to come, at first and when all have gone.

    Yields
    ------
    Cluster
        A ``runner``, as ``sweep`` takes one. Results are those of threads, byte for byte.

    Raises
    ------
    InputError
        When distributed is not installed, nobody answers, no worker comes, or one of them is another program.
    """
    with joined(address, tell, wait) as client:
        yield Cluster(client, tell, tried, _warmed, wait)


def _warmed(unit: Unit) -> None:
    """Run one replication, where that takes no time: its kernels are compiled then."""
    if effort(unit.experiment) < _QUICK:
        run_piece(unit.experiment, [unit.replications.start])
