"""Files of sizes: columns of numbers without a time, by the rules of a log. Not here: what is drawn from them."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from sim.ground.faults import InputError
from sim.ground.logs.cells import Faults
from sim.ground.logs.forms import Form
from sim.ground.logs.log import rows_of
from sim.ground.logs.raw import check_columns
from sim.ground.logs.rules import Judge, rules, wanted
from sim.ground.logs.source import Limits, readable
from sim.ground.logs.zones import Clock, zone_named
from sim.ground.units import Floats

MOST_SIZES: Final = 10_000_000


def read_sizes(file: Path, columns: Mapping[str, str], optional: Mapping[str, str]) -> dict[str, Floats]:
    """Read columns of sizes: CSV, lines of JSON or Parquet, plain or gzipped.

    Parameters
    ----------
    file : path
        A regular file.
    columns, optional : dict of str
        By role (``prompt``, ``output``; ``service``, ``tokens``, ``gpus``; ``weight``) the name in the file; an
        optional column may be absent.

    Returns
    -------
    dict of float64[n]
        By role, in the order and the units of the file; roles that the file has not are absent. Do not write to them.

    Raises
    ------
    InputError
        With all faults, up to a limit, each with file, line and column; when there is no row, or there are too many.
    """
    with readable(file):
        found = os.stat(file)
    return _read(file, (found.st_mtime_ns, found.st_size), tuple(columns.items()), tuple(optional.items()))


@lru_cache(maxsize=16)
def _read(
    file: Path, version: tuple[int, int], columns: tuple[tuple[str, str], ...], optional: tuple[tuple[str, str], ...]
) -> dict[str, Floats]:
    """Read a version of a file once, however many cells of a sweep draw from it."""
    del version
    form, faults, parts, count = Form("sizes", "fine_tune", dict(columns), "", dict(optional)), Faults(file), [], 0
    with readable(file):
        rows = rows_of(file, Limits())
        try:
            if not rows.header:
                text = f"is empty; its first line must name the columns {', '.join(dict(columns).values())}"
                raise InputError.one(f"{file}", text)
            names = wanted(form, "", texts=False, header=rows.header)
            check_columns(rows, names)
            judge = Judge(form, "", names, faults, Clock(zone_named("UTC")), rules(skip_empty=False))
            for raw in rows.read(names):
                kept, values, _ = judge.judge(raw)
                parts.append({role: each[kept] for role, each in values.items()})
                count += len(kept)
                if count > MOST_SIZES:
                    raise InputError.one(f"{file}", f"has more than {MOST_SIZES:,} rows of sizes; draw a sample of it")
        finally:
            rows.close()
    faults.stop()
    if not count:
        raise InputError.one(
            f"{file}", f"has no row of sizes; it must have the columns {', '.join(dict(columns).values())}"
        )
    return {role: np.concatenate([part[role] for part in parts]) for role in parts[0]}
