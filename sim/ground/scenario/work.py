"""The work of a scenario: classes of jobs, by laws, listed one by one, or from a file."""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from sim.ground.scenario.arrivals import ArrivalLaw, mean_rate
from sim.ground.scenario.inputs import Input, stated
from sim.ground.scenario.joint import JobSizes
from sim.ground.scenario.laws import Part, SizeLaw, law_mean
from sim.ground.scenario.quantity import Hours, JobGpus, NonNegative, Positive, Priority, Spread, Text
from sim.ground.scenario.traces import Logged
from sim.ground.units import SECONDS_PER_HOUR, Floats


class JobRow(Part):
    """One job of an explicit list."""

    arrival_hours: Hours
    """Arrival, in hours from the start of the clock."""
    service_hours: Hours | None = None
    """Time on its GPUs, in hours; left out: by its tokens and the class's pace."""
    tokens_millions: NonNegative | None = None
    """Trained tokens, in millions; left out: unknown, so no API that prices tokens can take it."""
    gpus: JobGpus | None = None
    """GPUs that it needs; left out: those of the class."""


class Columns(Part):
    """Which columns of a trace hold what."""

    arrival: Text = "arrival"
    """Column of the time of arrival; left out: ``arrival``."""
    service: Text | None = None
    """Column of the time on the GPUs; left out: the time follows from ``tokens`` and the class's pace."""
    tokens: Text | None = None
    """Column of trained tokens; left out: jobs have no tokens."""
    gpus: Text | None = None
    """Column of the GPUs that a job needs; left out: the class's ``gpus``."""


class Trace(Logged):
    """Jobs read from a file."""

    format: Literal["philly"] | None = None
    """Known form of log: ``philly``; left out: as ``columns`` and the units say."""
    columns: Columns = Columns()
    """Which columns of the file hold what; left out: the column ``arrival`` alone."""
    arrival_unit: Literal["hours", "minutes", "days", "seconds", "datetime"] = "hours"
    """Unit of the times of arrival, ``datetime`` for dates; left out: hours, or as the ``format`` says."""
    service_unit: Literal["hours", "minutes", "seconds"] = "hours"
    """Unit of the column ``service``; left out: hours, or as the ``format`` says."""
    tokens_unit: Literal["tokens", "thousands", "millions"] = "tokens"
    """Unit of the column ``tokens``; left out: tokens."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        plain = type(self).model_fields
        for key in ("columns", "arrival_unit", "service_unit", "tokens_unit"):
            if self.format is not None and getattr(self, key) != plain[key].default:
                raise ValueError(f"must have either `format` or `{key}`, got both")
        return self

    @property
    def roles(self) -> Columns:
        """The columns that are read: those stated, or those of the format."""
        return self.columns if self.format is None else PHILLY


PHILLY = Columns(arrival="timestamp", service="duration", gpus="num_gpus")
"""Columns of the format `philly`."""


class JobClass(Part):
    """A named source of jobs of one kind.

    With ``wait_usd_per_hour`` each hour that a job waits for its start costs its owner so much.
    """

    kind: Literal["fine_tune"]
    """``fine_tune``: jobs that take whole GPUs for hours."""
    arrivals: ArrivalLaw | None = None
    """Law by which jobs come; or ``jobs``, or ``trace``."""
    jobs: tuple[JobRow, ...] | None = None
    """Jobs listed one by one; or ``arrivals``, or ``trace``."""
    trace: Trace | None = None
    """Log that jobs are read from; or ``arrivals``, or ``jobs``."""
    gpus: JobGpus = 1
    """GPUs that a job needs; more than a node has must be whole nodes; left out: 1."""
    priority: Priority = 0
    """Rank in the queue: 0 is the most urgent, 99 the least; left out: 0."""
    tokens_millions: SizeLaw | None = None
    """Trained tokens of a job, in millions: a number or a law; left out: unknown, so no API that prices tokens can take
    it."""
    hours_per_million_tokens: Positive | None = None
    """Hours that a job takes on its GPUs for a million tokens; or ``tokens_per_second``, or ``service_hours``."""
    tokens_per_second: Positive | None = None
    """Tokens that a job trains on a second on all its GPUs; or ``hours_per_million_tokens``, or ``service_hours``."""
    service_hours: SizeLaw | None = None
    """Time of a job on its GPUs in hours: a number or a law; or ``tokens_millions`` and a pace."""
    sizes: JobSizes | None = None
    """Time, tokens and GPUs drawn together from the rows of a file; left out: by laws."""
    setup_hours: Hours = 0.0
    """Hours on the GPUs that every job takes besides, for loading and evaluation; left out: 0."""
    noise_cv: Spread = 0.0
    """Spread of a factor of mean 1 on the time of each job (standard deviation over mean); left out: 0."""
    wait_usd_per_hour: NonNegative = 0.0
    """What an hour of waiting for the start costs you, in USD a job; left out: 0."""
    source: Text | None = None
    """Who says the pace, such as ``measured: torchtune on 8 A100``; left out: listed as stated without a source."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self.exactly_one("arrivals", "jobs", "trace")
        paces = self.given("hours_per_million_tokens", "tokens_per_second")
        if len(paces) > 1:
            raise ValueError("must have only one of `hours_per_million_tokens`, `tokens_per_second`, got both")
        if self.sizes is not None:
            self._drawn_by_row(self.sizes, paces)
        elif self.arrivals is not None:
            self.exactly_one("service_hours", "hours_per_million_tokens", "tokens_per_second")
            if paces and self.tokens_millions is None:
                raise ValueError(f"must have `tokens_millions`, because `{paces[0]}` needs a size in tokens")
        else:
            self._listed(bool(paces))
        return self

    def _drawn_by_row(self, sizes: JobSizes, paces: list[str]) -> None:
        """Judge a class whose jobs come by a law and take their sizes from the rows of a file."""
        if self.arrivals is None:
            raise ValueError("must have no `sizes`, because its jobs are listed one by one")
        if extra := self.given("service_hours", "tokens_millions"):
            raise ValueError(f"must have no `{extra[0]}` law, because `sizes` are drawn from a file")
        if sizes.columns.service is not None and paces:
            raise ValueError(f"must have no `{paces[0]}`, because the column `service` tells how long jobs take")
        if sizes.columns.service is None and not paces:
            raise ValueError("must have `sizes.columns.service`, or `hours_per_million_tokens` or `tokens_per_second`")

    def _listed(self, paced: bool) -> None:
        """Judge a class whose jobs come from a list or a file."""
        if extra := self.given("service_hours", "tokens_millions"):
            raise ValueError(f"must have no `{extra[0]}` law, because its jobs are listed one by one")
        for number, job in enumerate(self.jobs or ()):
            if job.service_hours is None and not (paced and job.tokens_millions is not None):
                raise ValueError(
                    f"must give job {number} `service_hours`, or `tokens_millions` and the class "
                    "`hours_per_million_tokens` or `tokens_per_second`"
                )
        columns = None if self.trace is None else self.trace.roles
        if columns is not None and columns.service is None and (columns.tokens is None or not paced):
            raise ValueError(
                "must have `trace.columns.service`, or `trace.columns.tokens` and the class "
                "`hours_per_million_tokens` or `tokens_per_second`"
            )

    @property
    def hours_per_million(self) -> float | None:
        """Training hours for a million tokens on the job's GPUs; None where service is given in hours."""
        if self.tokens_per_second is not None:
            return 1e6 / (float(self.tokens_per_second) * SECONDS_PER_HOUR)
        return None if self.hours_per_million_tokens is None else float(self.hours_per_million_tokens)

    def inputs(self, name: str) -> list[Input]:
        """List the pace that the class rests on, with its source."""
        hours = self.hours_per_million
        if hours is None:
            return []
        columns = self.sizes.columns if self.sizes is not None else self.trace.roles if self.trace is not None else None
        own = self.jobs is not None or (columns is not None and columns.gpus is not None)
        gpus = "the GPUs of each job" if own else f"{self.gpus} GPU{'' if self.gpus == 1 else 's'}"
        return [stated(f"pace of class `{name}`", hours, f"h per million tokens on {gpus}", self.source)]

    def row_hours(self, sizes: JobSizes) -> Floats:
        """Time on the GPUs of each row of a file of sizes, without what is set up before."""
        columns = sizes.table.columns
        return columns["service"] if "service" in columns else columns["tokens"] * float(self.hours_per_million or 0.0)

    @property
    def mean_service_hours(self) -> float | None:
        """Mean time on the GPUs; None where the jobs are listed."""
        if self.sizes is not None:
            return self.sizes.table.mean(self.row_hours(self.sizes)) + float(self.setup_hours)
        if self.service_hours is not None:
            return law_mean(self.service_hours) + float(self.setup_hours)
        if self.tokens_millions is not None and self.hours_per_million is not None:
            return law_mean(self.tokens_millions) * self.hours_per_million + float(self.setup_hours)
        return None

    @property
    def gpu_sizes(self) -> set[int]:
        """Numbers of GPUs that its jobs need; of a trace only the one of jobs that state none."""
        if self.jobs is not None:
            return {int(job.gpus or self.gpus) for job in self.jobs}
        if self.sizes is not None and "gpus" in self.sizes.table.columns:
            table = self.sizes.table
            return set(np.unique(table.possible(table.columns["gpus"])).astype(int).tolist())
        return {int(self.gpus)}

    @property
    def mean_gpu_hours(self) -> float | None:
        """Mean GPU hours of a job; None where the jobs are listed."""
        hours = self.mean_service_hours
        if hours is None or self.sizes is None or "gpus" not in self.sizes.table.columns:
            return None if hours is None else hours * int(self.gpus)
        table = self.sizes.table
        return table.mean((self.row_hours(self.sizes) + float(self.setup_hours)) * table.columns["gpus"])

    def offered_gpus(self, horizon_hours: float) -> float | None:
        """Offered load: the mean number of GPUs that the class would keep busy; None where the jobs are listed."""
        work = self.mean_gpu_hours
        return None if work is None or self.arrivals is None else mean_rate(self.arrivals, horizon_hours) * work
