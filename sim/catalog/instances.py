"""What one node of each instance type holds."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Instance:
    """A machine as it is bought: so many GPUs together, each a key of ``ACCELERATORS``."""

    gpus: int
    gpu: str
    source: str


_AWS = "AWS instance page for EC2"
_SILYBENCH = "silybench price table (CC BY 4.0), vendor page read 2026-09-25"
_GPU_PRICES = "afhubbard/gpu-prices (CC BY 4.0), 2026-06-01"

INSTANCES: Final = {
    "p4d.24xlarge": Instance(8, "A100-40GB", f"{_AWS} P4d, read 2023-10"),
    "p4de.24xlarge": Instance(8, "A100-80GB", f"{_AWS} P4de; SkyPilot catalog v8"),
    "p5.4xlarge": Instance(1, "H100-80GB", f"{_AWS} P5; SkyPilot catalog v8"),
    "p5.48xlarge": Instance(8, "H100-80GB", f"{_AWS} P5; SkyPilot catalog v8"),
    "p5en.48xlarge": Instance(8, "H200-141GB", f"{_AWS} P5en; SkyPilot catalog v8"),
    "p6-b200.48xlarge": Instance(8, "B200-180GB", f"{_AWS} P6-B200; SkyPilot catalog v8"),
    "g6e.xlarge": Instance(1, "L40S-48GB", f"{_AWS} G6e"),
    "g6e.48xlarge": Instance(8, "L40S-48GB", f"{_AWS} G6e"),
    "lambda.a100_40gb_x1": Instance(1, "A100-40GB", f"Lambda 1x A100 SXM: {_SILYBENCH}"),
    "lambda.a100_80gb_x8": Instance(8, "A100-80GB", f"Lambda 8x A100 SXM: {_SILYBENCH}"),
    "lambda.h100_80gb_x1": Instance(1, "H100-80GB", f"Lambda 1x H100 SXM: {_SILYBENCH}"),
    "lambda.h100_80gb_x8": Instance(8, "H100-80GB", f"Lambda 8x H100 SXM: {_SILYBENCH}"),
    "lambda.b200_180gb_x1": Instance(1, "B200-180GB", f"Lambda 1x B200 SXM6: {_SILYBENCH}"),
    "nebius.l40s_48gb_x1": Instance(1, "L40S-48GB", f"Nebius L40S: {_SILYBENCH}"),
    "nebius.h100_80gb_x1": Instance(1, "H100-80GB", f"Nebius HGX H100: {_SILYBENCH}"),
    "nebius.h200_141gb_x1": Instance(1, "H200-141GB", f"Nebius HGX H200: {_SILYBENCH}"),
    "runpod.a100_80gb_x1": Instance(1, "A100-80GB", f"RunPod A100 SXM: {_SILYBENCH}"),
    "runpod.h100_80gb_x1": Instance(1, "H100-80GB", f"RunPod H100 SXM: {_SILYBENCH}"),
    "runpod.h200_141gb_x1": Instance(1, "H200-141GB", f"RunPod H200: {_SILYBENCH}"),
    "runpod.rtx_4090_24gb_x1": Instance(1, "RTX-4090-24GB", f"RunPod RTX 4090: {_GPU_PRICES}"),
    "runpod.rtx_pro_6000_96gb_x1": Instance(1, "RTX-PRO-6000-96GB", f"RunPod RTX PRO 6000: {_GPU_PRICES}"),
}
