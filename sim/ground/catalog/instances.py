"""What one node of each instance type holds."""

from dataclasses import dataclass
from typing import Final

from sim.ground.catalog.facts import Fact, day


@dataclass(frozen=True)
class Instance(Fact):
    """A machine as it is bought: so many GPUs together, each a key of ``ACCELERATORS``."""

    gpus: int
    gpu: str


def _page(gpus: int, gpu: str, since: str, seen: str, source: str) -> Instance:
    """Write down what its seller's page says, first and last known to have been read on these days."""
    return Instance(gpus, gpu, since=day(since), seen=day(seen), basis="vendor page", source=source)


_AWS = "AWS instance page for EC2"
_SILYBENCH = "silybench price table (CC BY 4.0), vendor page read 2026-09-25"
_GPU_PRICES = "afhubbard/gpu-prices (CC BY 4.0), 2026-06-01"
_V8 = "2026-03-01"
_NEO = "2026-09-25"

INSTANCES: Final = {
    "p4d.24xlarge": _page(8, "A100-40GB", "2020-11-02", _V8, f"{_AWS} P4d, read 2023-10; SkyPilot catalog v8"),
    "p4de.24xlarge": _page(8, "A100-80GB", "2023-01-31", _V8, f"{_AWS} P4de; SkyPilot catalog v8"),
    "p5.4xlarge": _page(1, "H100-80GB", _V8, _V8, f"{_AWS} P5; SkyPilot catalog v8"),
    "p5.48xlarge": _page(8, "H100-80GB", "2023-07-26", _V8, f"{_AWS} P5; SkyPilot catalog v8"),
    "p5en.48xlarge": _page(8, "H200-141GB", "2025-06-01", _V8, f"{_AWS} P5en; SkyPilot catalog v8"),
    "p6-b200.48xlarge": _page(8, "B200-180GB", "2025-12-01", _V8, f"{_AWS} P6-B200; SkyPilot catalog v8"),
    "g6e.xlarge": _page(1, "L40S-48GB", "2026-05-28", "2026-06-01", f"{_AWS} G6e"),
    "g6e.48xlarge": _page(8, "L40S-48GB", "2026-05-28", "2026-06-01", f"{_AWS} G6e"),
    "lambda.a100_40gb_x1": _page(1, "A100-40GB", "2026-05-28", _NEO, f"Lambda 1x A100 SXM: {_SILYBENCH}"),
    "lambda.a100_80gb_x8": _page(8, "A100-80GB", _NEO, _NEO, f"Lambda 8x A100 SXM: {_SILYBENCH}"),
    "lambda.h100_80gb_x1": _page(1, "H100-80GB", _NEO, _NEO, f"Lambda 1x H100 SXM: {_SILYBENCH}"),
    "lambda.h100_80gb_x8": _page(8, "H100-80GB", _NEO, _NEO, f"Lambda 8x H100 SXM: {_SILYBENCH}"),
    "lambda.b200_180gb_x1": _page(1, "B200-180GB", _NEO, _NEO, f"Lambda 1x B200 SXM6: {_SILYBENCH}"),
    "nebius.l40s_48gb_x1": _page(1, "L40S-48GB", _NEO, _NEO, f"Nebius L40S: {_SILYBENCH}"),
    "nebius.h100_80gb_x1": _page(1, "H100-80GB", "2026-05-28", _NEO, f"Nebius HGX H100: {_SILYBENCH}"),
    "nebius.h200_141gb_x1": _page(1, "H200-141GB", "2026-05-28", _NEO, f"Nebius HGX H200: {_SILYBENCH}"),
    "nebius.b200_180gb_x1": _page(1, "B200-180GB", _NEO, _NEO, f"Nebius HGX B200: {_SILYBENCH}"),
    "runpod.a100_80gb_x1": _page(1, "A100-80GB", _NEO, _NEO, f"RunPod A100 SXM: {_SILYBENCH}"),
    "runpod.h100_80gb_x1": _page(1, "H100-80GB", "2026-05-28", _NEO, f"RunPod H100 SXM: {_SILYBENCH}"),
    "runpod.h200_141gb_x1": _page(1, "H200-141GB", "2026-05-28", _NEO, f"RunPod H200: {_SILYBENCH}"),
    "runpod.b200_180gb_x1": _page(1, "B200-180GB", _NEO, _NEO, f"RunPod B200: {_SILYBENCH}"),
    "runpod.rtx_4090_24gb_x1": _page(1, "RTX-4090-24GB", "2026-05-28", "2026-06-01", f"RunPod RTX 4090: {_GPU_PRICES}"),
    "runpod.rtx_pro_6000_96gb_x1": _page(
        1, "RTX-PRO-6000-96GB", "2026-05-31", "2026-06-01", f"RunPod RTX PRO 6000: {_GPU_PRICES}"
    ),
    "neocloud.h100_80gb_x8": _page(
        8, "H100-80GB", "2025-10-31", "2026-03-31", "HGX H100 as neoclouds rent it out: no one seller"
    ),
}
