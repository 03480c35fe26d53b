"""Sizes that are drawn together, row by row: of a list, or of a file. Not here: drawing (``workload``)."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from sim.ground.faults import InputError
from sim.ground.scenario.part import Part, check_weights
from sim.ground.scenario.quantity import Share, Text, Tokens
from sim.ground.units import Floats

_HOURS = {"hours": 1.0, "minutes": 1 / 60, "seconds": 1 / 3600}
_MILLIONS = {"tokens": 1e-6, "thousands": 1e-3, "millions": 1.0}


@dataclass(frozen=True, eq=False)
class Joint:
    """Rows of sizes, drawn alike or by weights.

    Attributes
    ----------
    columns : dict of float64[n]
        By what they are.
    weights : float64[n], optional
        Chances of the rows, of sum 1.
    """

    columns: dict[str, Floats]
    weights: Floats | None = None

    def __eq__(self, other: object) -> bool:
        """Tell whether the rows are the same: scenarios that draw from them are compared."""
        if not isinstance(other, Joint):
            return NotImplemented
        mine, its = (dict[str, Any](each.columns, weights=each.weights) for each in (self, other))
        return mine.keys() == its.keys() and all(np.array_equal(values, its[role]) for role, values in mine.items())

    def __len__(self) -> int:
        """Count the rows."""
        return len(next(iter(self.columns.values())))

    def mean(self, values: Floats) -> float:
        """Mean of what is worked out from each row."""
        chances = np.full(len(self), 1 / len(self)) if self.weights is None else self.weights
        return math.fsum((chances * values).tolist())

    def possible(self, values: Floats) -> Floats:
        """Take the values of the rows that may be drawn."""
        return values if self.weights is None else values[self.weights > 0]


def _folder(info: ValidationInfo) -> Path:
    """Find the folder that file names start from."""
    context = info.context
    return Path(context.get("folder", "")) if isinstance(context, dict) else Path()


def _joint(file: Path, columns: dict[str, str]) -> Joint:
    """Read rows of sizes; a column ``weight`` says how often each is wanted, in any unit."""
    from sim.ground.logs import (
        read_sizes,  # here, for it brings the compiler, which takes longer than to judge a scenario
    )

    found = dict(read_sizes(file, columns, {"weight": "weight"}))
    weights = found.pop("weight", None)
    if weights is None:
        return Joint(found)
    whole = math.fsum(weights.tolist())
    if not whole > 0:
        raise InputError.one(f"{file}", "has a column `weight` in which every number is 0")
    return Joint(found, weights / whole)


class TokenPairs(Part):
    """Prompt and output drawn together: from a list of pairs, alike or by weights, or from the rows of a file.

    The file has the columns ``prompt`` and ``output``, in tokens, and perhaps ``weight``.
    """

    pairs: Annotated[tuple[tuple[Tokens, Tokens], ...], Field(min_length=1, max_length=100_000)] | None = None
    """Pairs of prompt and output in tokens, such as [[512, 256], [2048, 64]]; or ``file``."""
    weights: Annotated[tuple[Share, ...], Field(min_length=1, max_length=100_000)] | None = None
    """Chance of each pair, of sum 1; left out: all alike."""
    file: Text | None = None
    """CSV with columns ``prompt`` and ``output`` in tokens, and perhaps ``weight``, from the scenario's folder; or
    ``pairs``."""
    _table: Joint = PrivateAttr()

    @model_validator(mode="after")
    def _read(self, info: ValidationInfo) -> Self:
        self.exactly_one("pairs", "file")
        if self.pairs is None:
            if self.weights is not None:
                raise ValueError("must have the weights of a `file` in its column `weight`")
            self._table = _joint(_folder(info) / str(self.file), {"prompt": "prompt", "output": "output"})
            return self
        if self.weights is not None:
            check_weights(self.weights, tuple(float(prompt) for prompt, _ in self.pairs))
        prompt, output = np.array(self.pairs, np.float64).T
        self._table = Joint(
            {"prompt": prompt, "output": output}, None if self.weights is None else np.array(self.weights)
        )
        return self

    @property
    def table(self) -> Joint:
        """The rows: ``prompt`` and ``output``, in tokens."""
        return self._table

    def mean(self, which: Literal["prompt", "output"]) -> float:
        """Mean of the prompts or of the outputs."""
        return self.table.mean(self.table.columns[which])

    @property
    def longest(self) -> int:
        """Most tokens of a pair, prompt and output."""
        columns = self.table.columns
        return int(self.table.possible(columns["prompt"] + columns["output"]).max())


class SizeColumns(Part):
    """Which columns of a file of sizes hold what."""

    service: Text | None = None
    """Column of how long a job takes; left out: the time follows from ``tokens`` and the class's pace."""
    tokens: Text | None = None
    """Column of trained tokens; left out: jobs have no tokens, so no API that prices tokens can take them."""
    gpus: Text | None = None
    """Column of the GPUs that a job needs; left out: the class's ``gpus``."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.given("service", "tokens"):
            raise ValueError("must have `service` or `tokens`")
        return self


class JobSizes(Part):
    """Service, tokens and GPUs of jobs drawn together, from the rows of a file, alike or by its column ``weight``."""

    file: Text
    """Table of past jobs, from the scenario's folder; whole rows are drawn, alike or by its column ``weight``."""
    columns: SizeColumns
    """Which columns of the file hold what."""
    service_unit: Literal["hours", "minutes", "seconds"] = "hours"
    """Unit of the column ``service``; left out: hours."""
    tokens_unit: Literal["tokens", "thousands", "millions"] = "tokens"
    """Unit of the column ``tokens``; left out: tokens."""
    _table: Joint = PrivateAttr()

    @model_validator(mode="after")
    def _read(self, info: ValidationInfo) -> Self:
        read = _joint(_folder(info) / self.file, self.columns.model_dump(exclude_none=True))
        units = {"service": _HOURS[self.service_unit], "tokens": _MILLIONS[self.tokens_unit], "gpus": 1.0}
        self._table = Joint({role: values * units[role] for role, values in read.columns.items()}, read.weights)
        return self

    @property
    def table(self) -> Joint:
        """The rows: ``service`` in hours, ``tokens`` in millions, ``gpus``; those that the file has."""
        return self._table
