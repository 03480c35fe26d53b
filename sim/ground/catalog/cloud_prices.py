"""What other clouds ask for an hour of their GPU nodes.

Sources by short name: `silybench` = tgarg01/silybench-data (CC BY 4.0), `gpu-prices` = the daily snapshots of
afhubbard/gpu-prices (CC BY 4.0), as medians of a region.
"""

from typing import Final

from sim.ground.catalog.rates import listed, traded

_PAGE = "silybench, vendor page of 2026-09-25"
_MEDIAN = "gpu-prices median 2026-05-28 to 06-01"
_SEMIANALYSIS = "SemiAnalysis index of 1-year H100 contracts at neoclouds, 2026-04-02, as quoted by Tech Reader Daily"

CLOUD_PRICES: Final = (
    listed("lambda.a100_40gb_x1", "on_demand", 1.99, "2026-05-28", "2026-09-25", f"1x A100 SXM: {_PAGE}; {_MEDIAN}"),
    listed("lambda.a100_80gb_x8", "on_demand", 22.32, "2026-09-25", "2026-09-25", f"8x A100 SXM, 2.79 a GPU: {_PAGE}"),
    listed("lambda.h100_80gb_x1", "on_demand", 4.29, "2026-09-25", "2026-09-25", f"1x H100 SXM: {_PAGE}"),
    listed("lambda.h100_80gb_x8", "on_demand", 31.92, "2026-09-25", "2026-09-25", f"8x H100 SXM, 3.99 a GPU: {_PAGE}"),
    listed("lambda.b200_180gb_x1", "on_demand", 6.99, "2026-09-25", "2026-09-25", f"1x B200 SXM6: {_PAGE}"),
    listed("nebius.l40s_48gb_x1", "on_demand", 1.55, "2026-09-25", "2026-09-25", f"L40S with Intel host: {_PAGE}"),
    listed("nebius.h100_80gb_x1", "on_demand", 2.95, "2026-05-28", "2026-05-31", f"HGX H100, eu-north1: {_MEDIAN}"),
    listed("nebius.h100_80gb_x1", "on_demand", 3.85, "2026-06-01", "2026-09-25", f"HGX H100: {_PAGE}; {_MEDIAN}"),
    listed(
        "nebius.h100_80gb_x1",
        "spot",
        1.25,
        "2026-05-28",
        "2026-05-31",
        "HGX H100 preemptible, eu-north1: gpu-prices median 2026-05-28 to 05-31",
    ),
    listed(
        "nebius.h100_80gb_x1",
        "spot",
        2.15,
        "2026-06-01",
        "2026-06-01",
        "HGX H100 preemptible, eu-north1: gpu-prices median 2026-06-01",
    ),
    listed("nebius.h200_141gb_x1", "on_demand", 3.5, "2026-05-28", "2026-05-31", f"HGX H200, eu-north1: {_MEDIAN}"),
    listed("nebius.h200_141gb_x1", "on_demand", 4.5, "2026-06-01", "2026-09-25", f"HGX H200: {_PAGE}; {_MEDIAN}"),
    listed(
        "nebius.h200_141gb_x1",
        "spot",
        1.45,
        "2026-05-28",
        "2026-05-31",
        "HGX H200 preemptible, eu-north1: gpu-prices median 2026-05-28 to 05-31",
    ),
    listed(
        "nebius.h200_141gb_x1",
        "spot",
        2.45,
        "2026-06-01",
        "2026-06-01",
        "HGX H200 preemptible, eu-north1: gpu-prices median 2026-06-01",
    ),
    listed("nebius.b200_180gb_x1", "on_demand", 7.15, "2026-09-25", "2026-09-25", f"HGX B200: {_PAGE}"),
    listed("runpod.a100_80gb_x1", "on_demand", 1.59, "2026-09-25", "2026-09-25", f"A100 SXM, secure cloud: {_PAGE}"),
    listed("runpod.h100_80gb_x1", "on_demand", 3.29, "2026-05-28", "2026-06-01", f"H100 SXM, most regions: {_MEDIAN}"),
    listed("runpod.h100_80gb_x1", "on_demand", 3.49, "2026-09-25", "2026-09-25", f"H100 SXM, secure cloud: {_PAGE}"),
    listed("runpod.h200_141gb_x1", "on_demand", 4.39, "2026-05-28", "2026-06-01", f"H200, US regions: {_MEDIAN}"),
    listed("runpod.h200_141gb_x1", "on_demand", 4.59, "2026-09-25", "2026-09-25", f"H200, secure cloud: {_PAGE}"),
    listed("runpod.b200_180gb_x1", "on_demand", 6.79, "2026-09-25", "2026-09-25", f"B200, secure cloud: {_PAGE}"),
    listed(
        "runpod.rtx_4090_24gb_x1",
        "on_demand",
        0.34,
        "2026-05-28",
        "2026-06-01",
        f"RTX 4090, community cloud, US: {_MEDIAN}",
    ),
    listed(
        "runpod.rtx_pro_6000_96gb_x1",
        "on_demand",
        2.09,
        "2026-05-31",
        "2026-06-01",
        f"RTX PRO 6000, most regions: {_MEDIAN}",
    ),
    traded("neocloud.h100_80gb_x8", "reserved_1y", 13.6, "2025-10-31", "2025-10-31", f"1.70 a GPU: {_SEMIANALYSIS}"),
    traded("neocloud.h100_80gb_x8", "reserved_1y", 18.8, "2026-03-31", "2026-03-31", f"2.35 a GPU: {_SEMIANALYSIS}"),
)
