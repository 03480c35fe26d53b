"""The option that has work done by a Dask cluster, and what is told of it on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from sim.doors.cli.terminal import note

if TYPE_CHECKING:
    from sim.study.units import Runner

Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Have a Dask cluster do the work: tcp://host:port, or a scheduler file.",
        metavar="ADDRESS",
        envvar="DASK_SCHEDULER_ADDRESS",
    ),
]


@contextmanager
def runner_of(cluster: str | None) -> Iterator["Runner | None"]:
    """Join the cluster that is asked for; None where threads of this process are to do the work."""
    if not cluster:
        yield None
        return
    from sim.study.clustered import clustered

    with clustered(cluster, note) as runner:
        yield runner
