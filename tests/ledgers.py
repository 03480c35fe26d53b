"""What tests of money share: tariffs in which only what is stated is not 0, and bills as plain tables."""

from dataclasses import replace

import numpy as np
import pytest

from sim.engine.money import LINES, MEMO, Tariff, TokenTariff
from sim.ground.jobs import HELD
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import to_ticks

_NOTHING = Tariff(0.0, 0, 1, *[0.0] * 7)


def prices(**stated) -> Tariff:
    """A tariff of fine-tunes."""
    return replace(_NOTHING, **_read(stated))


def _read(stated):
    """Prices as the program reads them, as floats: for whole ones each kernel would be compiled once more."""
    return {key: float(value) if "usd" in key and isinstance(value, int) else value for key, value in stated.items()}


def held(usd_per_gpu_h: float, hours: float, gpus: int = 1, **more) -> Tariff:
    """A tariff of held one-GPU nodes."""
    return prices(held_usd=usd_per_gpu_h * hours * gpus, held_gpus=gpus, held_usd_per_gpu_h=usd_per_gpu_h, **more)


def tokens(**stated) -> TokenTariff:
    """A tariff of requests."""
    nothing = {"held_usd": 0.0, "held_gpus": 0, "replica_gpus": 1, "usd_per_gpu_h": 0.0, "settle_usd": 0.0}
    prices = {f"usd_per_{kind}_token": np.zeros(1) for kind in ("prompt", "cached", "output")}
    return TokenTariff(**(prices | nothing | _read(stated)))


def chats(gpu_hours, busy_hours, opens=0, hires=None, runs=1) -> tuple[Requests, RequestRows]:
    """Requests that come at one tick, each so many GPU hours; busy hours of the replicas by window."""
    n = len(gpu_hours)
    ones, arrival = np.ones(n, np.int64), np.full(n, opens)
    requests = Requests(np.arange(runs + 1) * (n // runs), arrival, ones, ones, ones * 0, -ones, ones * 0)
    rows = RequestRows.empty(n, runs, len(busy_hours))
    rows.busy[:], rows.gpu_time[:], rows.start[:], rows.outcome[:] = to_ticks(busy_hours), to_ticks(gpu_hours), 0, HELD
    return requests, replace(rows, hires=hires)


def lines(bill, replication=0) -> dict[str, float]:
    """The lines of a bill that are not 0."""
    return {line: usd for line, usd in zip(LINES, bill.lines[replication].tolist(), strict=True) if usd}


def memo(bill, replication=0) -> dict[str, float]:
    """What the memo tells that is not 0."""
    return {name: value for name, value in zip(MEMO, bill.memo[replication].tolist(), strict=True) if value}


def near(expected):
    """Equal but for rounding."""
    return pytest.approx(expected, rel=1e-12)
