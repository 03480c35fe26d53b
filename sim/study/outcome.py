"""What some replications gave under one plan: bills, sums, values of jobs. Not here: estimates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.ground.units import Floats
from sim.study.fold import Fold


@dataclass(frozen=True)
class Outcome:
    """What some replications gave under one plan.

    Attributes
    ----------
    lines : float64[R, lines]
        The bill of each replication.
    paid, allocated : float64[R]
        GPU hours.
    memo : float64[R, len(MEMO)]
        What is told beside the bill.
    worn : float64[R, 3]
        Interruptions of jobs, the hours that they ran, interruptions in vain.
    classes : dict of Fold
        By class name.
    serving : dict of float64[R, 3]
        Of each group of nodes that serves: replica hours with somebody running, request hours running, replica hours
        that were there.
    """

    lines: Floats
    paid: Floats
    allocated: Floats
    memo: Floats
    worn: Floats
    classes: dict[str, Fold]
    serving: dict[str, Floats]

    @property
    def bills(self) -> Floats:
        """Total bill of each replication in USD."""
        return np.asarray(self.lines.sum(axis=1))

    def total(self, name: str) -> Floats:
        """One kind of sum over all classes, in each replication."""
        return np.asarray(np.sum([each.total(name) for each in self.classes.values()], axis=0))

    @classmethod
    def joined(cls, parts: Sequence["Outcome"]) -> "Outcome":
        """Put outcomes of successive replications together."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.lines for part in parts]),
            np.concatenate([part.paid for part in parts]),
            np.concatenate([part.allocated for part in parts]),
            np.concatenate([part.memo for part in parts]),
            np.concatenate([part.worn for part in parts]),
            {name: Fold.joined([part.classes[name] for part in parts]) for name in parts[0].classes},
            {name: np.concatenate([part.serving[name] for part in parts]) for name in parts[0].serving},
        )
