"""What the traces of a scenario have in common: a file, its clock, and how it is replayed. Not here: reading it."""

from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sim.ground.scenario.laws import Part
from sim.ground.scenario.quantity import NonNegativeDays, PauseMinutes, Positive, Text


def _zone(name: str) -> str:
    """Refuse what is no time zone."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        rule = "must be the name of a time zone like `UTC` or `Europe/Berlin`"
        raise PydanticCustomError("quantity", "{rule}", {"rule": rule}) from None


Flag = Annotated[bool, Field(strict=True)]
Zone = Annotated[Text, AfterValidator(_zone)]


class Bootstrap(Part):
    """Blocks of time of a trace, drawn anew in each replication and laid end to end until the horizon."""

    block_minutes: PauseMinutes
    """Length of a block in minutes: longer ones keep more of the log's own rhythm."""


class Logged(Part):
    """A file of jobs or requests: CSV, lines of JSON or Parquet, plain or gzipped, one a row.

    The clock is stretched by ``time_scale`` first; then blocks are drawn, if any; then each job is kept or copied so
    that there are ``rate_scale`` times as many on average.
    """

    file: Text
    """File of the log, from the scenario's folder: CSV, lines of JSON or Parquet, plain or gzipped."""
    zone: Zone | None = None
    """Time zone of times without an offset, such as Europe/Berlin; left out: UTC."""
    skip_days: NonNegativeDays = 0.0
    """Days at the beginning of the log that are passed over; the clock starts after them; left out: 0."""
    sort: Flag = False
    """Whether rows may stand out of order, and are sorted; left out: false, they are refused."""
    time_scale: Positive = 1.0
    """Factor on all times: 2 spreads the log over twice the time; left out: 1."""
    rate_scale: Annotated[Positive, Field(le=1000)] = 1.0
    """Mean number of jobs made of each: below 1 some are left out by chance, above 1 there are copies; at most 1,000;
    left out: 1."""
    bootstrap: Bootstrap | None = None
    """Draws blocks of the log anew in each replication, for any horizon; left out: the log is replayed as it was."""

    @property
    def as_it_stands(self) -> Self:
        """The same file, neither stretched nor drawn from: what must be read of it, whatever is done with it."""
        return self.model_copy(update={"skip_days": 0.0, "time_scale": 1.0, "rate_scale": 1.0, "bootstrap": None})
