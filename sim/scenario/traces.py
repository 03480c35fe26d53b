"""What the traces of a scenario have in common: a file, its clock, and how it is replayed. Not here: reading it."""

from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sim.scenario.laws import Part
from sim.scenario.quantity import NonNegativeDays, PauseMinutes, Positive, Text


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


class Logged(Part):
    """A file of jobs or requests: CSV, lines of JSON or Parquet, plain or gzipped, one a row.

    The clock is stretched by ``time_scale`` first; then blocks are drawn, if any; then each job is kept or copied so
    that there are ``rate_scale`` times as many on average.
    """

    file: Text
    zone: Zone | None = None
    skip_days: NonNegativeDays = 0.0
    sort: Flag = False
    time_scale: Positive = 1.0
    rate_scale: Annotated[Positive, Field(le=1000)] = 1.0
    bootstrap: Bootstrap | None = None

    @property
    def as_it_stands(self) -> Self:
        """The same file, neither stretched nor drawn from: what must be read of it, whatever is done with it."""
        return self.model_copy(update={"skip_days": 0.0, "time_scale": 1.0, "rate_scale": 1.0, "bootstrap": None})
