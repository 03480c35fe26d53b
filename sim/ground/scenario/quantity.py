"""The numbers a scenario may hold: each kind with its range, and the words that refuse any other value."""

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

SMALLEST, LARGEST = 1e-9, 1e12


def _refuse(rule: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "must be {rule}", {"rule": rule})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(low: float, high: float, *, zero: bool = False) -> Any:
    """Build the type of a number in [low, high], with 0 let in or not."""
    rule = f"{'0 or ' if zero else ''}a number from {low:g} to {high:g}"

    def judge(value: Any) -> float:
        if not _is_number(value) or abs(value) > LARGEST:  # the second test keeps 10**400 away from float()
            raise _refuse(rule)
        number = float(value)
        negative_zero = number == 0 and str(number).startswith("-")
        if negative_zero or not (low <= number <= high or (zero and number == 0)):
            raise _refuse(rule)
        return number

    schema: dict[str, Any] = {"type": "number", "minimum": 0 if zero else low, "maximum": high}
    return Annotated[float, BeforeValidator(judge), WithJsonSchema(schema)]


def _whole(low: int, high: int) -> Any:
    """Build the type of a whole number in [low, high]."""
    rule = f"a whole number from {low} to {high}"

    def judge(value: Any) -> int:
        if not _is_number(value) or not low <= value <= high or int(value) != value or str(value) == "-0.0":
            raise _refuse(rule)
        return int(value)

    return Annotated[int, BeforeValidator(judge), WithJsonSchema({"type": "integer", "minimum": low, "maximum": high})]


def _as_date(value: Any) -> Any:
    """Let only a whole date pass: 2023-10-01."""
    if isinstance(value, date) or value is None:
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a date like 2023-10-01") from None


Day = Annotated[date, BeforeValidator(_as_date)]
Positive = _number(SMALLEST, LARGEST)
NonNegative = _number(SMALLEST, LARGEST, zero=True)
Rate = _number(SMALLEST, 1e9, zero=True)
Days = _number(SMALLEST, 1e6)
NonNegativeDays = _number(SMALLEST, 1e6, zero=True)
Hours = _number(SMALLEST, 1e8, zero=True)
PositiveHours = _number(SMALLEST, 1e8)
Spread = _number(1e-3, 100.0, zero=True)
PositiveSpread = _number(1e-3, 100.0)
SpreadAboveOne = _number(1.0, 100.0)
AtLeastOne = _number(1.0, LARGEST)
Share = _number(SMALLEST, 1.0, zero=True)
Pue = _number(1.0, 10.0)
Confidence = _number(0.5, 0.9999)
Seed = _whole(0, 2**63 - 1)
Count = _whole(0, 100_000)
PositiveCount = _whole(1, 100_000)
Lag = _whole(0, 1)
Tokens = _whole(1, 10**12)
Milliseconds = _number(SMALLEST, 1e9, zero=True)
Minutes = _number(SMALLEST, 1e7, zero=True)
PauseMinutes = _number(0.01, 1e7)
WorkMinutes = _number(0.01, 1e7, zero=True)
PositiveSeconds = _number(1e-6, 1e7)
TickSeconds = _number(0.1, 1e7)
HourOfDay = _number(1e-4, 23.9999, zero=True)
PerMinute = _whole(1, 10**10)
Retrials = _whole(0, 1000)
GrowthFactor = _number(1.0, 100.0)
Shape = _number(0.1, 20.0)
TailIndex = _number(1.001, 100.0)
GrowthPercent = _number(-99.9, 1000.0)
MonthNumber = _whole(1, 600)
Months = _number(SMALLEST, 1e6, zero=True)
StepMonths = _number(0.5, 600.0)
PriceTimes = _number(1e-3, 1e3)
DiscountPercent = _number(SMALLEST, 1000.0, zero=True)
Finite = _number(-LARGEST, LARGEST)
Correlated = _number(-0.999, 0.999)
Gpus = _whole(1, 1024)
JobGpus = _whole(1, 1_000_000)
Phases = _whole(1, 1000)
Priority = _whole(0, 99)
Text = Annotated[
    str, StringConstraints(strict=True, max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$")
]
Slug = Annotated[str, StringConstraints(strict=True, max_length=60, pattern=r"^[a-z0-9_]+$")]
