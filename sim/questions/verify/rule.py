"""The pass rule: near enough to theory, and precise enough for that to mean something.

A simulated estimate passes when it lies within five standard errors of the reference and its standard error is small
beside the reference. The second half keeps a noisy run from passing by its noise.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

KINDS: Final = ("mean", "quantile", "rare", "exact")
"""Means; quantiles; variances, skewness and probabilities below 0.1; hand-worked and computed values."""

WIDTH: Final = 5.0
"""Standard errors between estimate and reference."""

EXACT: Final = 1e-9
"""Relative difference between a computed value and its reference."""

_BARS: Final = {"mean": 0.005, "quantile": 0.01, "rare": 0.05}
_QUICK_BARS: Final = {"mean": 0.02, "quantile": 0.03, "rare": 0.05}
_HEAVY, _HEAVY_QUANTILE = 0.95, 0.02


@dataclass(frozen=True)
class Verdict:
    """How an estimate compares with its reference; None where a number has no meaning.

    Attributes
    ----------
    z, relative_se : float, optional
        Standard errors from the reference, and one standard error as a share of it.
    passed : bool
        Whether it is near enough, and precise enough.
    within, most_relative_se : float, optional
        The largest difference that passes, and the largest relative standard error.
    """

    z: float | None
    relative_se: float | None
    passed: bool
    within: float | None = None
    most_relative_se: float | None = None


def bar(kind: str, load: float | None, quick: bool) -> float:
    """Give the largest relative standard error that is precise enough.

    Parameters
    ----------
    kind : {"mean", "quantile", "rare"}
        Of the expectation.
    load : float or None
        Offered load of a GPU under the plan: near 1 quantiles settle slowly, so they are granted more.
    quick : bool
        Whether this is the short form.
    """
    bars = _QUICK_BARS if quick else _BARS
    if kind == "quantile" and load is not None and load >= _HEAVY - 1e-9:
        return max(bars[kind], _HEAVY_QUANTILE)
    return bars[kind]


def judge(
    kind: str,
    estimate: Any,
    se: float | None,
    reference: Any,
    reference_se: float = 0.0,
    load: float | None = None,
    quick: bool = False,
) -> Verdict:
    """Compare an estimate with its reference.

    Parameters
    ----------
    kind : str
        One of ``KINDS``.
    estimate : float or None
        None never passes a simulated kind.
    se : float or None
        Its standard error.
    reference, reference_se : float
        What theory says, and how sure it is of that.
    load, quick
        As of ``bar``.
    """
    if not (_is_number(estimate) and _is_number(reference)):
        return Verdict(None, None, kind == "exact" and estimate == reference and type(estimate) is type(reference))
    difference = float(estimate) - float(reference)
    same = abs(difference) <= EXACT * abs(reference)
    spread = math.hypot(se or 0.0, reference_se)
    z = difference / spread if spread > 0 else 0.0 if same else None
    relative = None if se is None or reference == 0 else se / abs(reference)
    if kind == "exact":
        return Verdict(None, None, same, EXACT * abs(reference))
    most = bar(kind, load, quick)
    if se is None or z is None:
        return Verdict(z, relative, False, WIDTH * spread, most)
    precise = relative is None or relative <= most
    return Verdict(z, relative, abs(z) <= WIDTH and precise, WIDTH * spread, most)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
