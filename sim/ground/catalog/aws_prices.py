"""What AWS asks for an hour of its GPU instances in us-east-1, unless another region is named.

The spot price moves by the hour and differs from zone to zone, so it is the level of its time and no more. Sources by
short name: `gpu-prices` = the daily snapshots of afhubbard/gpu-prices (CC BY 4.0), as medians of a region;
`data-receipts` = datareceipts/data-receipts, 109-gpu-pricing.
"""

from typing import Final

from sim.ground.catalog.rates import listed, quoted, traded

_LIST = "AWS EC2 on-demand list, us-east-1"
_V3, _V8 = "SkyPilot catalog v3 of early 2023", "SkyPilot catalog v8 (late 2025 to 2026)"
_RECEIPTS = "data-receipts 2026-11-09"
_VANTAGE = "instances.vantage.sh of 2025-11-30, as in tsaol/aws-gpu; its usual term is 1 year, nothing upfront"
_BLOCKS = "AWS EC2 Capacity Blocks for ML pricing, in force until 2025-01-01"
_L40S = f"{_LIST}; agrees with the L40S medians of gpu-prices 2026-06-01"

AWS_PRICES: Final = (
    listed("p4d.24xlarge", "on_demand", 32.7726, "2020-11-02", "2023-10-31", f"{_LIST}, as in {_V3}"),
    listed("p4d.24xlarge", "on_demand", 21.957642, "2025-06-01", "2026-11-09", f"{_LIST}, as in {_V8}; {_RECEIPTS}"),
    listed(
        "p4d.24xlarge", "reserved_1y", 19.22, "2020-11-02", "2023-10-31", "the article's 1-year reserved price, 2023"
    ),
    quoted("p4d.24xlarge", "reserved_1y", 13.921094, "2025-11-30", "2025-11-30", f"us-east-1: {_VANTAGE}"),
    listed("p4d.24xlarge", "capacity_block", 14.75, "2024-12-31", "2024-12-31", f"{_BLOCKS}; us-east-2, us-west-2"),
    traded(
        "p4d.24xlarge", "spot", 9.8318, "2023-01-31", "2023-03-31", f"EC2 spot, us-east-1a and 1c (1d: 13.87), {_V3}"
    ),
    traded(
        "p4d.24xlarge",
        "spot",
        8.0001,
        "2025-12-01",
        "2026-03-01",
        f"median (2.47 to 8.19) over the zones of us-east-1, EC2 spot, {_V8}",
    ),
    listed(
        "p4de.24xlarge",
        "on_demand",
        40.96575,
        "2023-01-31",
        "2025-05-31",
        f"{_LIST}, {_V3}; 33 % cut on 2025-06-01",
    ),
    listed(
        "p4de.24xlarge",
        "on_demand",
        27.44705,
        "2025-06-01",
        "2026-11-09",
        f"{_LIST}, SkyPilot catalog v8; A100 median of gpu-prices 2026-06-01; {_RECEIPTS}",
    ),
    traded(
        "p4de.24xlarge",
        "spot",
        9.31195,
        "2025-12-01",
        "2026-03-01",
        f"mean (8.65, 9.97) over the zones of us-east-1, EC2 spot, {_V8}",
    ),
    quoted("p4de.24xlarge", "reserved_1y", 17.401365, "2025-11-30", "2025-11-30", f"us-east-1: {_VANTAGE}"),
    listed(
        "p5.4xlarge",
        "on_demand",
        6.88,
        "2026-03-01",
        "2026-06-01",
        f"{_LIST}, SkyPilot catalog v8; H100 median of gpu-prices 2026-06-01",
    ),
    quoted(
        "p5.48xlarge",
        "on_demand",
        98.32,
        "2023-07-26",
        "2025-05-31",
        "AWS EC2 on-demand list before the cut of 44 % of 2025-06-01, as quoted by others; 55.04 / 0.56 = 98.29",
    ),
    listed(
        "p5.48xlarge",
        "on_demand",
        55.04,
        "2025-06-01",
        "2026-11-09",
        f"{_LIST}, SkyPilot catalog v8; H100 median of gpu-prices 2026-06-01; {_RECEIPTS}",
    ),
    listed("p5.48xlarge", "capacity_block", 39.33, "2024-12-31", "2024-12-31", f"{_BLOCKS}; us-east-1, us-east-2"),
    traded(
        "p5.48xlarge",
        "spot",
        21.1543,
        "2025-12-01",
        "2026-03-01",
        f"median (10.24 to 55.04) over the zones of us-east-1, EC2 spot, {_V8}",
    ),
    listed("p5en.48xlarge", "on_demand", 63.296, "2025-06-01", "2026-03-01", f"{_LIST}, {_V8}"),
    traded(
        "p5en.48xlarge",
        "spot",
        17.2074,
        "2025-12-01",
        "2026-03-01",
        f"median (16.56 to 18.25) over the zones of us-east-1, EC2 spot, {_V8}",
    ),
    listed("p6-b200.48xlarge", "on_demand", 113.9328, "2025-12-01", "2026-03-01", f"{_LIST}, {_V8}"),
    traded(
        "p6-b200.48xlarge",
        "spot",
        17.0243,
        "2025-12-01",
        "2026-03-01",
        f"mean (13.03, 21.01) over the zones of us-east-1, EC2 spot, {_V8}",
    ),
    quoted("g6e.xlarge", "on_demand", 1.861, "2026-05-28", "2026-06-01", _L40S),
    quoted("g6e.48xlarge", "on_demand", 30.13118, "2026-05-28", "2026-06-01", _L40S),
)
