"""What one GPU can do at most, as its maker says. What is reached of it is measured elsewhere (``sim.profile``)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Accelerator:
    """One GPU: its memory, how fast it reads it, and its dense bfloat16 arithmetic (no sparsity).

    Attributes
    ----------
    memory_gb : float
        Memory as it is sold. Makers say GB and mean 2**30 bytes: a card of "24 GB" reports 24,564 MiB.
    bandwidth_gb_per_s : float
        Peak rate of reading memory, in 10**9 bytes a second.
    bf16_dense_tflops : float
        Peak bfloat16 arithmetic, in 10**12 operations a second. Datasheets that print the rate with sparsity print
        twice this number.
    """

    name: str
    memory_gb: float
    bandwidth_gb_per_s: float
    bf16_dense_tflops: float
    source: str

    @property
    def memory_bytes(self) -> float:
        """Memory in bytes."""
        return self.memory_gb * 2**30


_A100 = "NVIDIA A100 Tensor Core GPU datasheet"
_H100 = "NVIDIA H100 Tensor Core GPU datasheet, 2023; half the bfloat16 rate with sparsity"
_H200 = "NVIDIA H200 Tensor Core GPU datasheet, 2024; half the bfloat16 rate with sparsity"
_B200 = "NVIDIA DGX B200 datasheet, 2024: an eighth of the system; half the bfloat16 rate with sparsity"
_L40S = "NVIDIA L40S datasheet, 2023; 48 GB less 1/16 for ECC, which is on by default (46,068 MiB)"
_ADA = "NVIDIA Ada GPU Architecture whitepaper, 2023; bfloat16 with 32-bit accumulation"
_PRO = "NVIDIA RTX Blackwell PRO GPU Architecture whitepaper, 2025, Workstation Edition; with 32-bit accumulation"

ACCELERATORS: Final = {
    accelerator.name: accelerator
    for accelerator in (
        Accelerator("A100-40GB", 40, 1555, 312, f"{_A100}, 2020, SXM4"),
        Accelerator("A100-80GB", 80, 2039, 312, f"{_A100}, 2021, SXM4"),
        Accelerator("A100-80GB-PCIe", 80, 1935, 312, f"{_A100}, 2021, PCIe"),
        Accelerator("H100-80GB", 80, 3350, 989.4, f"{_H100}, SXM5"),
        Accelerator("H100-80GB-PCIe", 80, 2000, 756.5, f"{_H100}, PCIe"),
        Accelerator("H200-141GB", 141, 4800, 989.4, f"{_H200}, SXM5"),
        Accelerator("B200-180GB", 180, 8000, 2250, _B200),
        Accelerator("L40S-48GB", 45, 864, 362.05, _L40S),
        Accelerator("RTX-4090-24GB", 24, 1008, 165.2, _ADA),
        Accelerator("RTX-PRO-6000-96GB", 96, 1792, 503.8, _PRO),
    )
}
