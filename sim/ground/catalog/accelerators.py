"""What one GPU can do at most, as its maker says. What is reached of it is measured (``sim.ground.profile``)."""

from dataclasses import dataclass
from typing import Final

from sim.ground.catalog.facts import Fact, day


@dataclass(frozen=True)
class Accelerator(Fact):
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

    @property
    def memory_bytes(self) -> float:
        """Memory in bytes."""
        return self.memory_gb * 2**30


def _sheet(
    name: str, memory_gb: float, bandwidth: float, tflops: float, since: str, year: int, source: str
) -> Accelerator:
    """Write down what a maker's document of some year says of a GPU announced on a day."""
    dated = {"since": day(since), "seen": day(f"{year}-12-31")}
    return Accelerator(name, memory_gb, bandwidth, tflops, **dated, basis="datasheet", source=source)


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
        _sheet("A100-40GB", 40, 1555, 312, "2020-05-14", 2020, f"{_A100}, 2020, SXM4"),
        _sheet("A100-80GB", 80, 2039, 312, "2020-11-16", 2021, f"{_A100}, 2021, SXM4"),
        _sheet("A100-80GB-PCIe", 80, 1935, 312, "2021-06-28", 2021, f"{_A100}, 2021, PCIe"),
        _sheet("H100-80GB", 80, 3350, 989.4, "2022-03-22", 2023, f"{_H100}, SXM5"),
        _sheet("H100-80GB-PCIe", 80, 2000, 756.5, "2022-03-22", 2023, f"{_H100}, PCIe"),
        _sheet("H200-141GB", 141, 4800, 989.4, "2023-11-13", 2024, f"{_H200}, SXM5"),
        _sheet("B200-180GB", 180, 8000, 2250, "2024-03-18", 2024, _B200),
        _sheet("L40S-48GB", 45, 864, 362.05, "2023-08-08", 2023, _L40S),
        _sheet("RTX-4090-24GB", 24, 1008, 165.2, "2022-09-20", 2023, _ADA),
        _sheet("RTX-PRO-6000-96GB", 96, 1792, 503.8, "2025-03-18", 2025, _PRO),
    )
}
