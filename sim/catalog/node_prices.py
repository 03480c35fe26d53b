"""The price book of nodes: what an hour of an instance cost, from when, and who says so.

Not here: prices that a scenario states itself. A price is in force from ``since`` (the first day on which it is known,
where nobody says when it began); ``seen`` is the last day on which it is known to have been asked, so the age of a
figure can be told. Sources by short name: `silybench` = tgarg01/silybench-data (CC BY 4.0), `gpu-prices` = the daily
snapshots of afhubbard/gpu-prices (CC BY 4.0), as medians of a region. A ``spot`` price buys a node that may be taken
back at any time; AWS's moves by the hour and differs from zone to zone, so it is the level of its time and no more.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True)
class NodePrice:
    """One price of one instance: USD for a node hour at a rate (a way to pay)."""

    instance: str
    rate: str
    usd_per_node_h: float
    since: date
    seen: date
    basis: str
    source: str


NODE_PRICES: Final = (
    NodePrice(
        "p4d.24xlarge",
        "on_demand",
        32.7726,
        since=date(2020, 11, 2),
        seen=date(2023, 10, 31),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, as in SkyPilot catalog v3 of early 2023",
    ),
    NodePrice(
        "p4d.24xlarge",
        "on_demand",
        21.957642,
        since=date(2025, 6, 1),
        seen=date(2026, 3, 1),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, as in SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "p4d.24xlarge",
        "reserved_1y",
        19.22,
        since=date(2020, 11, 2),
        seen=date(2023, 10, 31),
        basis="list price",
        source="the article's 1-year reserved price of p4d.24xlarge, 2023",
    ),
    NodePrice(
        "p4d.24xlarge",
        "spot",
        9.8318,
        since=date(2023, 1, 31),
        seen=date(2023, 3, 31),
        basis="market price, second-hand",
        source="EC2 spot, us-east-1a and 1c (1d: 13.87), SkyPilot catalog v3 of early 2023",
    ),
    NodePrice(
        "p4d.24xlarge",
        "spot",
        8.0001,
        since=date(2025, 12, 1),
        seen=date(2026, 3, 1),
        basis="market price, second-hand",
        source="median (2.47 to 8.19) over the zones of us-east-1, EC2 spot, SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "p4de.24xlarge",
        "on_demand",
        40.96575,
        since=date(2023, 1, 31),
        seen=date(2025, 5, 31),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, SkyPilot catalog v3 of early 2023; 33 % cut on 2025-06-01",
    ),
    NodePrice(
        "p4de.24xlarge",
        "on_demand",
        27.44705,
        since=date(2025, 6, 1),
        seen=date(2026, 6, 1),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, SkyPilot catalog v8; A100 median of gpu-prices 2026-06-01",
    ),
    NodePrice(
        "p4de.24xlarge",
        "spot",
        9.31195,
        since=date(2025, 12, 1),
        seen=date(2026, 3, 1),
        basis="market price, second-hand",
        source="mean (8.65, 9.97) over the zones of us-east-1, EC2 spot, SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "p5.4xlarge",
        "on_demand",
        6.88,
        since=date(2026, 3, 1),
        seen=date(2026, 6, 1),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, SkyPilot catalog v8; H100 median of gpu-prices 2026-06-01",
    ),
    NodePrice(
        "p5.48xlarge",
        "on_demand",
        98.32,
        since=date(2023, 7, 26),
        seen=date(2025, 5, 31),
        basis="list price, second-hand",
        source="AWS EC2 on-demand list before the cut of 44 % of 2025-06-01, as quoted by others; 55.04 / 0.56 = 98.29",
    ),
    NodePrice(
        "p5.48xlarge",
        "on_demand",
        55.04,
        since=date(2025, 6, 1),
        seen=date(2026, 6, 1),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, SkyPilot catalog v8; H100 median of gpu-prices 2026-06-01",
    ),
    NodePrice(
        "p5.48xlarge",
        "spot",
        21.1543,
        since=date(2025, 12, 1),
        seen=date(2026, 3, 1),
        basis="market price, second-hand",
        source="median (10.24 to 55.04) over the zones of us-east-1, EC2 spot, SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "p5en.48xlarge",
        "on_demand",
        63.296,
        since=date(2025, 6, 1),
        seen=date(2026, 3, 1),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "p5en.48xlarge",
        "spot",
        17.2074,
        since=date(2025, 12, 1),
        seen=date(2026, 3, 1),
        basis="market price, second-hand",
        source="median (16.56 to 18.25) over the zones of us-east-1, EC2 spot, SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "p6-b200.48xlarge",
        "on_demand",
        113.9328,
        since=date(2025, 12, 1),
        seen=date(2026, 3, 1),
        basis="list price",
        source="AWS EC2 on-demand list, us-east-1, SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "p6-b200.48xlarge",
        "spot",
        17.0243,
        since=date(2025, 12, 1),
        seen=date(2026, 3, 1),
        basis="market price, second-hand",
        source="mean (13.03, 21.01) over the zones of us-east-1, EC2 spot, SkyPilot catalog v8 (late 2025 to 2026)",
    ),
    NodePrice(
        "g6e.xlarge",
        "on_demand",
        1.861,
        since=date(2026, 5, 28),
        seen=date(2026, 6, 1),
        basis="list price, second-hand",
        source="AWS EC2 on-demand list, us-east-1; agrees with the L40S medians of gpu-prices 2026-06-01",
    ),
    NodePrice(
        "g6e.48xlarge",
        "on_demand",
        30.13118,
        since=date(2026, 5, 28),
        seen=date(2026, 6, 1),
        basis="list price, second-hand",
        source="AWS EC2 on-demand list, us-east-1; agrees with the L40S medians of gpu-prices 2026-06-01",
    ),
    NodePrice(
        "lambda.a100_40gb_x1",
        "on_demand",
        1.99,
        since=date(2026, 5, 28),
        seen=date(2026, 9, 25),
        basis="list price",
        source="Lambda 1x A100 SXM: silybench, vendor page of 2026-09-25; gpu-prices median 2026-05-28 to 06-01",
    ),
    NodePrice(
        "lambda.a100_80gb_x8",
        "on_demand",
        22.32,
        since=date(2026, 9, 25),
        seen=date(2026, 9, 25),
        basis="list price",
        source="Lambda 8x A100 SXM, 2.79 a GPU: silybench, vendor page of 2026-09-25",
    ),
    NodePrice(
        "lambda.h100_80gb_x1",
        "on_demand",
        4.29,
        since=date(2026, 9, 25),
        seen=date(2026, 9, 25),
        basis="list price",
        source="Lambda 1x H100 SXM: silybench, vendor page of 2026-09-25",
    ),
    NodePrice(
        "lambda.h100_80gb_x8",
        "on_demand",
        31.92,
        since=date(2026, 9, 25),
        seen=date(2026, 9, 25),
        basis="list price",
        source="Lambda 8x H100 SXM, 3.99 a GPU: silybench, vendor page of 2026-09-25",
    ),
    NodePrice(
        "lambda.b200_180gb_x1",
        "on_demand",
        6.99,
        since=date(2026, 9, 25),
        seen=date(2026, 9, 25),
        basis="list price",
        source="Lambda 1x B200 SXM6: silybench, vendor page of 2026-09-25",
    ),
    NodePrice(
        "nebius.l40s_48gb_x1",
        "on_demand",
        1.55,
        since=date(2026, 9, 25),
        seen=date(2026, 9, 25),
        basis="list price",
        source="Nebius L40S with Intel host: silybench, vendor page of 2026-09-25",
    ),
    NodePrice(
        "nebius.h100_80gb_x1",
        "on_demand",
        2.95,
        since=date(2026, 5, 28),
        seen=date(2026, 5, 31),
        basis="list price",
        source="Nebius HGX H100, eu-north1: gpu-prices median 2026-05-28 to 06-01",
    ),
    NodePrice(
        "nebius.h100_80gb_x1",
        "on_demand",
        3.85,
        since=date(2026, 6, 1),
        seen=date(2026, 9, 25),
        basis="list price",
        source="Nebius HGX H100: silybench, vendor page of 2026-09-25; gpu-prices median 2026-05-28 to 06-01",
    ),
    NodePrice(
        "nebius.h100_80gb_x1",
        "spot",
        1.25,
        since=date(2026, 5, 28),
        seen=date(2026, 5, 31),
        basis="list price",
        source="Nebius HGX H100 preemptible, eu-north1: gpu-prices median 2026-05-28 to 05-31",
    ),
    NodePrice(
        "nebius.h100_80gb_x1",
        "spot",
        2.15,
        since=date(2026, 6, 1),
        seen=date(2026, 6, 1),
        basis="list price",
        source="Nebius HGX H100 preemptible, eu-north1: gpu-prices median 2026-06-01",
    ),
    NodePrice(
        "nebius.h200_141gb_x1",
        "on_demand",
        3.5,
        since=date(2026, 5, 28),
        seen=date(2026, 5, 31),
        basis="list price",
        source="Nebius HGX H200, eu-north1: gpu-prices median 2026-05-28 to 06-01",
    ),
    NodePrice(
        "nebius.h200_141gb_x1",
        "on_demand",
        4.5,
        since=date(2026, 6, 1),
        seen=date(2026, 9, 25),
        basis="list price",
        source="Nebius HGX H200: silybench, vendor page of 2026-09-25; gpu-prices median 2026-05-28 to 06-01",
    ),
    NodePrice(
        "nebius.h200_141gb_x1",
        "spot",
        1.45,
        since=date(2026, 5, 28),
        seen=date(2026, 5, 31),
        basis="list price",
        source="Nebius HGX H200 preemptible, eu-north1: gpu-prices median 2026-05-28 to 05-31",
    ),
    NodePrice(
        "nebius.h200_141gb_x1",
        "spot",
        2.45,
        since=date(2026, 6, 1),
        seen=date(2026, 6, 1),
        basis="list price",
        source="Nebius HGX H200 preemptible, eu-north1: gpu-prices median 2026-06-01",
    ),
    NodePrice(
        "runpod.a100_80gb_x1",
        "on_demand",
        1.59,
        since=date(2026, 9, 25),
        seen=date(2026, 9, 25),
        basis="list price",
        source="RunPod A100 SXM, secure cloud: silybench, vendor page of 2026-09-25",
    ),
    NodePrice(
        "runpod.h100_80gb_x1",
        "on_demand",
        3.29,
        since=date(2026, 5, 28),
        seen=date(2026, 6, 1),
        basis="list price",
        source="RunPod H100 SXM, most regions: gpu-prices median 2026-05-28 to 06-01",
    ),
    NodePrice(
        "runpod.h100_80gb_x1",
        "on_demand",
        3.49,
        since=date(2026, 9, 25),
        seen=date(2026, 9, 25),
        basis="list price",
        source="RunPod H100 SXM, secure cloud: silybench, vendor page of 2026-09-25",
    ),
    NodePrice(
        "runpod.h200_141gb_x1",
        "on_demand",
        4.39,
        since=date(2026, 5, 28),
        seen=date(2026, 6, 1),
        basis="list price",
        source="RunPod H200, US regions: gpu-prices median 2026-05-28 to 06-01",
    ),
    NodePrice(
        "runpod.h200_141gb_x1",
        "on_demand",
        4.59,
        since=date(2026, 9, 25),
        seen=date(2026, 9, 25),
        basis="list price",
        source="RunPod H200, secure cloud: silybench, vendor page of 2026-09-25",
    ),
    NodePrice(
        "runpod.rtx_4090_24gb_x1",
        "on_demand",
        0.34,
        since=date(2026, 5, 28),
        seen=date(2026, 6, 1),
        basis="list price",
        source="RunPod RTX 4090, community cloud, US: gpu-prices median 2026-05-28 to 06-01",
    ),
    NodePrice(
        "runpod.rtx_pro_6000_96gb_x1",
        "on_demand",
        2.09,
        since=date(2026, 5, 31),
        seen=date(2026, 6, 1),
        basis="list price",
        source="RunPod RTX PRO 6000, most regions: gpu-prices median 2026-05-28 to 06-01",
    ),
)


def node_price(instance: str, rate: str, on: date | None) -> NodePrice | None:
    """Find the price of an instance at a rate that was in force on a day (the newest known for no day).

    Returns
    -------
    NodePrice or None
        None where the book holds no such price, or none as old as ``on``.
    """
    known = [price for price in NODE_PRICES if (price.instance, price.rate) == (instance, rate)]
    in_force = [price for price in known if on is None or price.since <= on]
    return max(in_force, key=lambda price: price.since, default=None)
