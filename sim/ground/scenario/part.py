"""What every piece of a scenario is made of. Not here: any piece."""

import math

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen piece of a scenario that knows no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def given(self, *keys: str) -> list[str]:
        """Name those of the keys that hold a value."""
        return [key for key in keys if getattr(self, key) is not None]

    def exactly_one(self, *keys: str) -> None:
        """Refuse the part unless just one of the keys holds a value."""
        if len(found := self.given(*keys)) != 1:
            names = ", ".join(f"`{key}`" for key in keys)
            raise ValueError(f"must have exactly one of {names}, got {' and '.join(found) if found else 'none'}")


def check_weights(weights: tuple[float, ...], values: tuple[float, ...]) -> None:
    """Refuse weights that are not the probabilities of the values."""
    if len(weights) != len(values):
        raise ValueError(f"must have as many weights as values, got {len(weights)} and {len(values)}")
    if abs(math.fsum(weights) - 1) > 1e-9:
        raise ValueError(f"must have weights that sum to 1, got {math.fsum(weights):.12g}")
