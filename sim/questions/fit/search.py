"""The least of a sum of squares over a box, from many starts: one start ends in a wrong minimum too often."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import Bounds, differential_evolution, least_squares, minimize
from scipy.stats import qmc

from sim.ground.units import Floats

Residuals = Callable[[Floats], Floats]
Loss = Callable[[Floats], float]

_SCREENED: Final = 8  # 2^8 points of a Sobol sequence
_STEP: Final = 4e-3  # of the box: simulated percentiles move in small jumps, a derivative must look across them
_EDGE: Final = 0.02  # of the first simplex


@dataclass(frozen=True)
class Found:
    """Where the search ended.

    Attributes
    ----------
    point : float64[d]
        In the box, each coordinate from 0 to 1.
    loss : float
        Sum of squares there.
    ends : float64[starts, d]
        Where every start ended.
    losses : float64[starts]
        The loss at each end.
    """

    point: Floats
    loss: float
    ends: Floats
    losses: Floats

    @property
    def best(self) -> Floats:
        """Where to start a search of a slightly other loss: the end, and the three best ends of starts."""
        return np.vstack([self.point[None], self.ends[np.argsort(self.losses, kind="stable")[:3]]])

    @property
    def nearly(self) -> Floats:
        """The ends of starts whose loss is at most a fifth above the least."""
        return np.asarray(self.ends[self.losses <= 1.2 * self.losses.min() + 1e-12])


def search(
    residuals: Residuals, dimensions: int, begin: Floats | None = None, starts: int = 8, polish: int = 400
) -> Found:
    """Find the point of the unit box with the least sum of squared residuals; the same each time.

    Screen a Sobol sequence (or take the starts that are given), descend from the best points by least squares, polish
    the best end without derivatives.
    """

    def loss(point: Floats) -> float:
        return float((residuals(np.clip(point, 0, 1)) ** 2).sum())

    points = qmc.Sobol(dimensions, scramble=False).random_base2(_SCREENED)[1:] if begin is None else begin
    screened = np.array([loss(point) for point in points])
    best = points[np.argsort(screened, kind="stable")[:starts]]
    ends = np.array([_descend(residuals, point) for point in best])
    losses = np.array([loss(end) for end in ends])
    point = _polished(loss, ends[np.argmin(losses)], polish)
    return Found(point, loss(point), ends, losses)


def evolve(loss: Loss, dimensions: int, starts: int = 3, polish: int = 1500) -> Found:
    """Find the point of the unit box with the least loss, where the loss is too rough to have slopes.

    A log's errors jump with every request that joins an iteration earlier or later. So populations evolve, each from
    its own seed; every end is polished without derivatives.
    """
    ends = []
    box = Bounds(np.zeros(dimensions), np.ones(dimensions))
    for start in range(starts):
        seeded: Any = {"seed": start, "popsize": 10, "maxiter": 100, "tol": 1e-7, "polish": False}
        evolved = differential_evolution(loss, box, **seeded)
        ends.append(_polished(loss, np.asarray(evolved.x), polish))
    losses = np.array([loss(end) for end in ends])
    best = int(np.argmin(losses))
    return Found(ends[best], float(losses[best]), np.array(ends), losses)


def _polished(loss: Loss, start: Floats, evaluations: int) -> Floats:
    """Go down from an end by Nelder and Mead's simplex."""
    simplex = np.vstack(
        [start, np.where(start > 0.5, start - _EDGE * np.eye(len(start)), start + _EDGE * np.eye(len(start)))]
    )
    options: Any = {"maxfev": evaluations, "xatol": 1e-5, "fatol": 1e-9, "initial_simplex": simplex}
    polished = minimize(loss, start, method="Nelder-Mead", bounds=[(0, 1)] * len(start), options=options)
    return np.asarray(np.clip(polished.x, 0, 1))


def _descend(residuals: Residuals, start: Floats) -> Floats:
    """Go downhill from one start."""
    inside = np.clip(start, 1e-3, 1 - 1e-3)
    step = _STEP / np.maximum(inside, 0.05)
    found = least_squares(residuals, inside, bounds=(0, 1), diff_step=step, max_nfev=30, xtol=1e-5, ftol=1e-6)
    return np.asarray(found.x)
