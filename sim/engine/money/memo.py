"""What a bill is remembered by and does not add up: hours of use and their losses. No summand of any bill is here.

Means over replications are sums of columns; the rest are ratios of sums: busy or productive / paid (utilization),
held used / (held used + hired used) (coverage), held used / held paid (commitment utilization), and 1 - node money /
list money (effective savings rate).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from sim.engine.money.sharing import API_LINE
from sim.ground.units import Floats

MEMO: Final = (
    "busy_gpu_h",
    "productive_gpu_h",
    "recovery_gpu_h",
    "recovery_usd",
    "lost_gpu_h",
    "lost_usd",
    "boot_usd",
    "hires",
    "hires_ready",
    "held_used_gpu_h",
    "held_paid_gpu_h",
    "hired_used_gpu_h",
    "hired_paid_gpu_h",
    "list_usd",
    "units_usd",
    "units_tokens_used",
    "units_tokens_paid",
)
"""GPU hours and USD inside the counted time; a stint that lies partly outside counts by the part inside.

Busy is allocated less recovery (restarts, writing checkpoints); productive is busy less lost (work that was done
again). The money of recovery and lost work is inside the `used` line of where it ran, that of boots (order to ready, or
to cancel) inside an `idle` line. Hires are orders given, and nodes that became ready. Held used is what jobs were given
of held nodes, lent ones too; held paid is what the holder pays. List money is all use at the on-demand list price of
its instance, NaN where the book has none. Reserved units of an API's throughput are held, but no nodes: what they
cost, the tokens that they took, and those that they could have taken.
"""

(
    BUSY,
    PRODUCTIVE,
    RECOVERY,
    RECOVERY_USD,
    LOST,
    LOST_USD,
    BOOT_USD,
    HIRES,
    READY,
    HELD_USED_H,
    HELD_PAID_H,
    HIRED_USED_H,
    HIRED_PAID_H,
    LIST_USD,
    UNITS_USD,
    UNITS_USED,
    UNITS_TOKENS,
) = range(len(MEMO))


def note_use(
    memo: Floats,
    held: Sequence[tuple[Floats, float | None]],
    hired: tuple[Floats, float | None],
    held_paid: float,
    hired_paid: Floats,
) -> None:
    """Note what was used and paid, and what follows of it.

    Parameters
    ----------
    memo : float64[R, len(MEMO)]
        With recovery and lost work; the other columns of hours and the list money are filled in.
    held, hired : pairs of float64[R] and float or None
        GPU hours given to jobs on held (own or lent) and hired nodes, and the on-demand list price of one.
    held_paid, hired_paid : float, float64[R]
        GPU hours paid for.
    """
    memo[:, HELD_USED_H] = np.sum([hours for hours, _ in held], axis=0)
    memo[:, HIRED_USED_H] = hired[0]
    memo[:, HELD_PAID_H], memo[:, HIRED_PAID_H] = held_paid, hired_paid
    memo[:, BUSY] = np.maximum(memo[:, HELD_USED_H] + memo[:, HIRED_USED_H] - memo[:, RECOVERY], 0.0)
    memo[:, PRODUCTIVE] = np.maximum(memo[:, BUSY] - memo[:, LOST], 0.0)
    for hours, price in (*held, hired):
        memo[:, LIST_USD] += np.where(hours > 0, hours * (np.nan if price is None else price), 0.0)


def node_usd(lines: Floats, memo: Floats) -> Floats:
    """Tell what each replication paid for nodes, held or hired, used or idle; reserved units of an API are none."""
    return np.asarray(lines[:, :API_LINE].sum(axis=1) - memo[:, UNITS_USD])
