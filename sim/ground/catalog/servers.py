"""Servers that are bought for good: what one costs, holds and draws; and what the hall around it costs.

Not here: what an hour of one costs, which needs the price of power, its life and its resale (``scenario.owned``).
Power is the most that the maker says the whole machine draws. Lives are assumed: nobody knows them beforehand.
"""

from dataclasses import dataclass
from typing import Final

from sim.ground.catalog.facts import Fact, day


@dataclass(frozen=True)
class Server(Fact):
    """A machine as it is bought: so many GPUs together, each a key of ``ACCELERATORS``.

    Attributes
    ----------
    usd : float
        Price of one, without the network between several.
    power_kw : float
        Most that it draws.
    life_years : float
        How long it is used (assumed).
    """

    gpus: int
    gpu: str
    usd: float
    power_kw: float
    life_years: float
    power_source: str


@dataclass(frozen=True)
class SiteCost(Fact):
    """What the hall adds to a server."""

    value: float
    unit: str


LIFE_YEARS: Final = 5.0
LIFE_SOURCE: Final = "straight line over 5 years; nobody knows beforehand"

_THINKMATE = "Thinkmate quote of 2024-08-22, InfiniBand cards included, as quoted by tech-talk-cto: H100 Freakonomics"
_DGX_A100 = "NVIDIA DGX A100 datasheet: 6.5 kW at most"
_DGX_H100 = "NVIDIA DGX H100 datasheet: 10.2 kW at most"
_DGX_B200 = "NVIDIA DGX B200 datasheet, 2024: about 14.3 kW at most"

SERVERS: Final = {
    "dgx_a100_40gb_x8": Server(
        8,
        "A100-40GB",
        200_000,
        6.5,
        LIFE_YEARS,
        _DGX_A100,
        since=day("2020-05-14"),
        seen=day("2020-05-14"),
        basis="list price, second-hand",
        source="price of the DGX A100 at its launch, as quoted by VideoCardz, 2020-05-14",
    ),
    "dgx_h100_80gb_x8": Server(
        8,
        "H100-80GB",
        270_000,
        10.2,
        LIFE_YEARS,
        _DGX_H100,
        since=day("2023-05-31"),
        seen=day("2023-05-31"),
        basis="estimate, second-hand",
        source="SemiAnalysis, May 2023: DGX H100 sold at about 270,000, as quoted by Epoch AI, training-cost-trends",
    ),
    "hgx_h100_80gb_x8": Server(
        8,
        "H100-80GB",
        317_000,
        10.2,
        LIFE_YEARS,
        f"{_DGX_H100}; taken for other makers' HGX too",
        since=day("2024-08-22"),
        seen=day("2024-08-22"),
        basis="quote, second-hand",
        source=_THINKMATE,
    ),
    "hgx_h200_141gb_x8": Server(
        8,
        "H200-141GB",
        333_000,
        10.2,
        LIFE_YEARS,
        "NVIDIA DGX H200 datasheet: 10.2 kW at most; taken for other makers' HGX too",
        since=day("2024-08-22"),
        seen=day("2024-08-22"),
        basis="assumed",
        source=f"an H100 server and 8 x 2,000, as Hugging Face lists the GPUs apart; {_THINKMATE}",
    ),
    "dgx_b200_180gb_x8": Server(
        8,
        "B200-180GB",
        515_000,
        14.3,
        LIFE_YEARS,
        _DGX_B200,
        since=day("2025-03-16"),
        seen=day("2025-03-16"),
        basis="list price, second-hand",
        source="a reseller's price of the DGX B200, as quoted by vengineer.hatenablog.com, 2025-03-16",
    ),
}

SITE_COSTS: Final = {
    "colocation_us": SiteCost(
        184.06,
        "USD per kW and month",
        since=day("2024-12-31"),
        seen=day("2025-02-26"),
        basis="survey",
        source="CBRE, North America Data Center Trends H2 2024: mean asking rate, 250 to 500 kW, without electricity",
    ),
    "pue_average": SiteCost(
        1.58,
        "kW drawn per kW of servers",
        since=day("2023-12-31"),
        seen=day("2024-02-07"),
        basis="survey",
        source="Uptime Institute, industry average of 2023; new large halls reach 1.3 and better",
    ),
}
"""What is taken where a scenario does not state its own."""
