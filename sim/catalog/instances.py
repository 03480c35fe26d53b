"""What one node of each instance type holds."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Instance:
    """A machine as it is bought: so many GPUs together."""

    gpus: int
    gpu: str
    source: str


INSTANCES: Final = {
    "p4d.24xlarge": Instance(8, "A100-40GB", "AWS instance page for EC2 P4d, read 2023-10"),
}
