"""From when to when a hire is paid: the order or the boot's end, the billing step, the minimum.

A hire that became ready, or is still on its way when the clock stops, is paid at least for the minimum. An order that
was cancelled or lost before it was ready is paid from order to cancel, rounded up, without the minimum: what a minimum
buys is a node. Where billing begins when the node is ready, such an order costs nothing.
"""

from dataclasses import dataclass

import numpy as np

from sim.engine.money.memo import BOOT_USD, HIRES, READY
from sim.engine.money.sharing import ON_DEMAND_IDLE, ON_DEMAND_USED, SPOT_IDLE, SPOT_USED, spread
from sim.ground.compiled import inlined, kernel
from sim.ground.hires import Hires
from sim.ground.units import NEVER, TICKS_PER_HOUR, TICKS_PER_SECOND, Floats, Ticks


@dataclass(frozen=True)
class Billing:
    """How hired nodes are billed.

    Attributes
    ----------
    usd_per_gpu_h : float
        Rate of a node over its GPUs.
    spot : bool
        Whether it is spot capacity: it has lines of its own on the bill.
    from_order : bool
        Whether the boot is paid; else a node is paid from when it is ready.
    step, minimum : int
        Ticks to which paid time is rounded up, and that are paid at least.
    """

    usd_per_gpu_h: float
    spot: bool = False
    from_order: bool = True
    step: int = TICKS_PER_SECOND
    minimum: int = 0

    @property
    def used_line(self) -> int:
        """Column of the bill for the time that jobs used."""
        return SPOT_USED if self.spot else ON_DEMAND_USED

    @property
    def idle_line(self) -> int:
        """Column of the bill for boot, idle tail, minimum and rounding."""
        return SPOT_IDLE if self.spot else ON_DEMAND_IDLE


FREE = Billing(usd_per_gpu_h=0.0)
"""Of a plan that hires nothing."""


@inlined
def billed(
    ordered: int, ready: int, left: int, closes: int, from_order: bool, step: int, minimum: int
) -> tuple[int, int]:
    """Tell from when to when a hire is paid, until the clock stops at the latest."""
    since = ordered if from_order else ready
    if since >= closes:
        return closes, closes
    if left >= closes:
        return since, closes
    paid = (left - since + step - 1) // step * step
    if ready < NEVER:
        paid = max(paid, minimum)
    return since, min(since + paid, closes)


@kernel
def _pay(
    offsets: Ticks,
    ordered: Ticks,
    ready: Ticks,
    left: Ticks,
    edges: Ticks,
    usd_per_h: float,
    from_order: bool,
    step: int,
    minimum: int,
    hours: Floats,
    usd: Floats,
    memo: Floats,
) -> None:
    """Add up node hours and the money of each window, and what the memo tells of hires."""
    opens, closes = edges[0], edges[len(edges) - 1]
    for r in range(len(offsets) - 1):
        for h in range(offsets[r], offsets[r + 1]):
            since, until = billed(ordered[h], ready[h], left[h], closes, from_order, step, minimum)
            since, until = max(since, opens), max(until, opens)
            hours[r] += (until - since) / TICKS_PER_HOUR
            spread(usd, r, edges, 0, since, until, usd_per_h)
            memo[r, BOOT_USD] += max(0, min(ready[h], until) - since) / TICKS_PER_HOUR * usd_per_h
            memo[r, HIRES] += opens <= ordered[h] < closes
            memo[r, READY] += opens <= ready[h] < closes


def pay(billing: Billing, node_gpus: int, hires: Hires, edges: Ticks, usd: Floats, memo: Floats) -> Floats:
    """Pay the hires of a group whose use nobody follows node by node.

    Parameters
    ----------
    billing : Billing
        How.
    node_gpus : int
        GPUs of a node.
    hires : Hires
        Of some replications.
    edges : int64[windows + 1]
        Ticks at which the windows of the counted time begin and end.
    usd : float64[R, windows]
        What is paid is added here, by window.
    memo : float64[R, len(MEMO)]
        The columns of hires are added here.

    Returns
    -------
    float64[R]
        GPU hours paid for inside the counted time.
    """
    hours = np.zeros(len(usd))
    _pay(
        hires.offsets,
        hires.ordered,
        hires.ready,
        hires.left,
        edges,
        billing.usd_per_gpu_h * node_gpus,
        billing.from_order,
        billing.step,
        billing.minimum,
        hours,
        usd,
        memo,
    )
    return hours * node_gpus
