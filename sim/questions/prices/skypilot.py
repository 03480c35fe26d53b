"""SkyPilot's catalog of a cloud (vms.csv): USD an hour of each instance, by region and zone."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from statistics import median
from typing import Any, Final

from sim.ground.scenario.book import NodeEntry
from sim.questions.prices.said import Source

_COLUMNS: Final = ("InstanceType", "AcceleratorName", "AcceleratorCount", "Price", "Region")
_RATES: Final = {"Price": "on_demand", "SpotPrice": "spot"}
_GPUS: Final = {
    "A100": "A100-40GB",
    "A100-80GB": "A100-80GB",
    "H100": "H100-80GB",
    "H200": "H200-141GB",
    "B200": "B200-180GB",
    "L40S": "L40S-48GB",
    "RTX4090": "RTX-4090-24GB",
}
"""The catalog's names of GPUs; any other keeps SkyPilot's."""

_Key = tuple[str, str, str, str, int]  # region, instance, rate, GPU, GPUs


def read(source: Source, text: str) -> None:
    """Take every instance with accelerators: its on-demand price, and the median of its zones' spot prices."""
    prices: dict[_Key, list[float]] = {}
    for line, row in _rows(source, text):
        if not row["AcceleratorName"]:
            source.skipped["instances without an accelerator"] += 1
            continue
        gpus = _count(source, line, row)
        if gpus is None:
            continue
        for column, rate in _RATES.items():
            if row.get(column):
                usd = source.price(_number(row[column]), line, column)
                key = (row["Region"], row["InstanceType"], rate, row["AcceleratorName"], gpus)
                prices.setdefault(key, []).extend([] if usd is None else [usd])
    for (region, instance, rate, gpu, gpus), found in prices.items():
        if found:
            _take(source, f"{region}/{instance}", rate, _GPUS.get(gpu, gpu), gpus, found)


def _take(source: Source, name: str, rate: str, gpu: str, gpus: int, found: list[float]) -> None:
    """Take one price: the median where zones differ, which the source then says."""
    usd, zones = median(found), f", median of {len(found)} zones ({min(found):g} to {max(found):g})"
    what = f"{name} {rate}{zones if len(set(found)) > 1 else ''}"
    basis = {"basis": "market price, second-hand"} if rate == "spot" else {}
    node = {
        "kind": "node",
        "instance": f"skypilot/{name}",
        "rate": rate,
        "usd_per_node_h": usd,
        "gpus": gpus,
        "gpu": gpu,
    }
    source.take(lambda: NodeEntry.model_validate(node | source.says(what) | basis), None, name)


def _rows(source: Source, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Walk through the rows with their lines; note what is no row."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] = []
    try:
        for row in reader:
            if not head:
                head = row
                missing = [column for column in _COLUMNS if column not in head]
                if missing:
                    source.refuse(1, f"is not SkyPilot's catalog: it lacks the columns {', '.join(missing)}")
                    return
            elif len(row) != len(head):
                source.refuse(reader.line_num, f"must have {len(head)} cells, got {len(row)}")
            elif row:
                yield reader.line_num, dict(zip(head, row, strict=True))
    except csv.Error as error:
        source.refuse(reader.line_num, f"is not valid CSV: {error}")
    if not head:
        source.refuse(1, "is empty")


def _count(source: Source, line: int, row: dict[str, str]) -> int | None:
    """Read how many accelerators a node has; shares of one are left."""
    count = _number(row["AcceleratorCount"])
    if isinstance(count, Decimal) and count.is_finite() and 0 < count <= 1024:
        if count == int(count):
            return int(count)
        source.skipped["shares of an accelerator"] += 1
        return None
    source.refuse(line, f"AcceleratorCount must be a number from 1 to 1024, got {row['AcceleratorCount'][:60]!r}")
    return None


def _number(text: str) -> Any:
    """Read a number exactly; what is none stays a text."""
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return text
