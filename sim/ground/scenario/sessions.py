"""Closed sessions in a scenario: users who come, ask, think, and ask again. Not here: when (``study.sessions``)."""

import math
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim.ground.scenario.laws import BatchLaw, Deterministic, Empirical, Part, SizeLaw, law_mean


class Sessions(Part):
    """Arrivals are sessions; each has turns, and each next turn comes think_s after the end of the one before it.

    With ``history`` the prompt of a turn is the whole conversation so far and what is newly asked, and the conversation
    is found in the prefix cache.
    """

    turns: BatchLaw
    """Number of turns of a session: a whole number or a law."""
    think_s: SizeLaw
    """Time from the end of an answer to the next turn, in seconds: a number or a law."""
    history: Annotated[bool, Field(strict=True)] = True
    """Whether the prompt of a turn is the whole conversation so far, found in the prefix cache, and what is newly
    asked; left out: true."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        values = self.turns.values if isinstance(self.turns, Empirical) else (self.turns.mean,)
        drawn = isinstance(self.turns, Deterministic | Empirical)
        if drawn and any(value < 1 or value != int(value) for value in values):
            raise ValueError("must have turns of whole numbers >= 1")
        return self

    @property
    def mean_turns(self) -> float:
        """Mean number of turns of a session."""
        return law_mean(self.turns)

    @property
    def mean_before(self) -> float:
        """Mean number of turns that a turn has before it: (E[T^2] - E[T]) / (2 E[T]) for T turns a session."""
        law, mean = self.turns, self.mean_turns
        if isinstance(law, Empirical):
            weights = law.weights or (1 / len(law.values),) * len(law.values)
            square = math.fsum(weight * value * value for weight, value in zip(weights, law.values, strict=True))
        else:
            square = mean * mean if isinstance(law, Deterministic) else mean * (2 * mean - 1)
        return (square - mean) / (2 * mean)
