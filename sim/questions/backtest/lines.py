"""To which line of a simulated bill a charge of a FOCUS invoice belongs, and how much of what it tells.

References
----------
FinOps Open Cost and Usage Specification 1.0 to 1.2: the values of ChargeCategory, ChargeClass, PricingCategory,
ServiceCategory and CommitmentDiscountStatus.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

COMPARED: Final = ("held", "on_demand", "spot", "api")
"""Lines that are both simulated and invoiced."""

NOT_SIMULATED: Final = "not_simulated"
LINES_OF_MAP: Final = (*COMPARED, NOT_SIMULATED)

CHARGES: Final = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
CORRECTIONS: Final = "corrections"
_APART: Final = {"Tax": "tax", "Credit": "credits", "Adjustment": "adjustments"}
BILLED_ONLY: Final = (CORRECTIONS, *_APART.values())
"""What is no use of anything, so that its charge period may be another than the month that it is billed in."""

_COMPUTE, _AI = "compute", "ai and machine learning"
_BY_PRICING: Final = {"committed": "held", "standard": "on_demand", "dynamic": "spot"}

Cells = Mapping[str, str]


def line_of(cells: Cells, mapped: Mapping[str, str]) -> str:
    """Tell the line of a charge: one of ``COMPARED``, else by what name it is listed as not simulated.

    Parameters
    ----------
    cells : mapping
        The row, "" for what it does not tell.
    mapped : mapping
        Lines that the user gives to a service, a SKU or a resource, by its name in small letters.
    """
    charge, category = cells["ChargeCategory"], cells["ServiceCategory"].casefold()
    if cells["ChargeClass"] == "Correction":
        return CORRECTIONS
    if charge in _APART:
        return _APART[charge]
    for key in ("ResourceId", "SkuId", "ServiceName"):
        if (told := mapped.get(cells[key].casefold())) is not None:
            return f"mapped: {cells['ServiceName']}" if told == NOT_SIMULATED else told
    if charge == "Purchase":
        return "held" if cells["CommitmentDiscountId"] and category in (_COMPUTE, _AI) else "purchases"
    return _line_of_usage(cells, category)


def _line_of_usage(cells: Cells, category: str) -> str:
    """Tell the line of a charge for what was used, or committed to and not used."""
    kind, _ = unit_of(cells["ConsumedUnit"] or cells["PricingUnit"])
    if category == _AI and kind == "tokens":
        return "api"
    hours = kind in ("node hours", "GPU hours")
    if (category == _COMPUTE and (hours or not cells["ConsumedUnit"])) or (category == _AI and hours):
        if cells["CommitmentDiscountStatus"].casefold() == "unused":
            return "held"
        if line := _BY_PRICING.get(cells["PricingCategory"].casefold()):
            return line
    return f"{cells['ServiceCategory'] or 'no category'}: {cells['ServiceName'] or 'no service'}"


_UNIT: Final = re.compile(
    r"(?P<count>\d[\d,]*(?:\.\d+)?)?\s*(?:(?P<scale>k|m|thousands?|millions?)(?=\s))?\s*(?P<unit>[a-z][a-z -]*)"
)
_SCALES: Final = {"k": 1_000, "thousand": 1_000, "m": 1_000_000, "million": 1_000_000}
_HOUR: Final = ("node hours", Decimal(1))
_UNITS: Final = {
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "instance hours", "instance-hours"), _HOUR),
    **dict.fromkeys(("second", "seconds"), ("node hours", Decimal(1) / 3600)),
    **dict.fromkeys(("minute", "minutes"), ("node hours", Decimal(1) / 60)),
    **dict.fromkeys(("gpu hours", "gpu-hours", "gpu hour", "gpu-hour"), ("GPU hours", Decimal(1))),
    **dict.fromkeys(("token", "tokens"), ("tokens", Decimal(1))),
}


def unit_of(text: str) -> tuple[str, Decimal]:
    """Read a unit of use: node hours, GPU hours or tokens, and how many of them it is; "" for any other.

    Examples
    --------
    >>> unit_of("1K tokens")
    ('tokens', Decimal('1000'))
    >>> unit_of("GB-Mo")
    ('', Decimal('0'))
    """
    found = _UNIT.fullmatch(text.strip().casefold())
    if found is None or (unit := found["unit"].strip()) not in _UNITS:
        return "", Decimal(0)
    count, scale = Decimal((found["count"] or "1").replace(",", "")), (found["scale"] or "").rstrip("s")
    kind, each = _UNITS[unit]
    return kind, count * _SCALES.get(scale, 1) * each
