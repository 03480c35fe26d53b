"""Where a function of one number changes its sign: brackets, edges, and where a look in between is worth it.

Not here: what the function is. Over fixed sample paths a difference of bills is a plain function, with steps at times.
"""

import math
from collections.abc import Callable

from sim.ground.units import Floats

Function = Callable[[float], float]


def enclose(f: Function, low: float, high: float, f_low: float, f_high: float, tolerance: float) -> tuple[float, float]:
    """Shrink a bracket of a change of sign to a width.

    Parameters
    ----------
    f : callable
        Any function, with steps too.
    low, high, f_low, f_high : float
        Bracket, and the function there: of opposite signs.
    tolerance : float
        Width wanted, above 0.

    Returns
    -------
    (float, float)
        The last bracket; both ends the same where the function is exactly 0.

    Notes
    -----
    Never more than one evaluation above bisection's, and superlinear where the function is smooth.

    References
    ----------
    Oliveira & Takahashi, An enhancement of the bisection method average performance preserving minmax optimality, ACM
    Transactions on Mathematical Software 47 (2020): the ITP method, with kappa1 = 0.05 / width, kappa2 = 2, n0 = 1.
    """
    width = high - low
    left = max(0, math.ceil(math.log2(width / tolerance))) + 1 if width > tolerance else 0
    while high - low > tolerance:
        x = _projected(low, high, f_low, f_high, 0.05 / width, tolerance / 2 * 2.0**left)
        if not low < x < high:  # no float lies between
            return low, high
        left -= 1
        y = f(x)
        if y == 0:
            return x, x
        if (y < 0) == (f_low < 0):
            low, f_low = x, y
        else:
            high, f_high = x, y
    return low, high


def _projected(low: float, high: float, f_low: float, f_high: float, kappa: float, reach: float) -> float:
    """Choose where to look next: interpolated, truncated towards the middle, projected to what bisection allows."""
    middle = (low + high) / 2
    straight = on_line(low, high, f_low, f_high)
    toward = math.copysign(1.0, middle - straight)
    push = kappa * (high - low) ** 2
    x = straight + toward * push if push <= abs(middle - straight) else middle
    room = max(0.0, reach - (high - low) / 2)
    return x if abs(x - middle) <= room else middle - toward * room


def on_line(low: float, high: float, f_low: float, f_high: float) -> float:
    """Find where the straight line through two points of different heights is 0."""
    return low + f_low / (f_low - f_high) * (high - low)


def edge(holds: Callable[[float], bool], inside: float, outside: float, tolerance: float) -> tuple[float, float]:
    """Find the edge of where something holds by halving.

    Returns
    -------
    (float, float)
        The last value at which it holds and the first at which it does not, as far apart as the tolerance.
    """
    while abs(outside - inside) > tolerance:
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside, outside


def _lowest(k: int, x: Floats, height: Floats) -> float:
    """Say how low a curve above 0 may dip between points k and k + 1 if it goes on as beside them and bends upwards."""
    a, b, width = float(height[k]), float(height[k + 1]), float(x[k + 1] - x[k])
    down = float(height[k] - height[k - 1]) / float(x[k] - x[k - 1]) if k > 0 else None
    up = float(height[k + 2] - height[k + 1]) / float(x[k + 2] - x[k + 1]) if k + 2 < len(x) else None
    if (down is not None and down >= 0) or (up is not None and up <= 0):
        return min(a, b)
    if down is None or up is None:
        ends = [a + width * down] if down is not None else [b - width * up] if up is not None else []
        return min(a, b, *ends)
    meet = (b - a - up * width) / (down - up)  # where both lines meet, from point k on
    return min(a, b, a + down * min(max(meet, 0.0), width))


def worth_a_look(x: Floats, y: Floats, doubt: Floats) -> list[int]:
    """Find the segments between points of one sign within which a function may come to 0 all the same.

    Parameters
    ----------
    x, y : float64[n]
        Points in ascending order, and the function there.
    doubt : float64[n]
        How far from 0 the function must be to be sure of its sign.

    Returns
    -------
    list of int
        Numbers of segments: k lies between points k and k + 1.
    """
    found = []
    for k in range(len(x) - 1):
        if y[k] * y[k + 1] <= 0:
            continue
        sign = 1.0 if y[k] > 0 else -1.0
        if _lowest(k, x, sign * y) <= max(float(doubt[k]), float(doubt[k + 1])):
            found.append(k)
    return found
