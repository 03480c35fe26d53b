"""Terms from times by batch: no queue, no arrivals, so the terms are regressed directly. Not here: the search.

A batch that is prefilled whole takes max(floor, base + prefill + per_prefill_token x); a token of n requests that hold
L tokens each on average takes max(floor, base + per_request n + per_kv_token n L).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.ground.faults import InputError
from sim.ground.units import Floats, Ticks
from sim.questions.fit.fitted import HELD_OUT, IN_SAMPLE, Comparison, Fitted, Options
from sim.questions.fit.loose import loose
from sim.questions.fit.search import search
from sim.questions.fit.tables import BatchTable
from sim.questions.fit.terms import Terms

LEAST_POINTS: Final = 8
_EDGE: Final = 0.02
"""Relative errors smaller than this count by their square, larger ones by their size."""
_FAR: Final = 0.5


@dataclass(frozen=True)
class _Points:
    """The distinct batches of a table, in order of (prompt, batch, output), each with its median times."""

    prompt: Ticks
    batch: Ticks
    output: Ticks
    prompt_time: Floats
    token_time: Floats

    @classmethod
    def of(cls, table: BatchTable) -> "_Points":
        """Take medians over repeated measurements."""
        keys = np.stack([table.prompt, table.batch, table.output], axis=1)
        points, which = np.unique(keys, axis=0, return_inverse=True)
        which = which.ravel()
        medians = [
            np.array([np.median(times[which == point]) for point in range(len(points))])
            for times in (table.prompt_time, table.token_time)
        ]
        return cls(*points.T, *medians)

    def terms(self, point: Floats, kv_us: float | None) -> Terms:
        """Map the unit box to terms, none larger than what the table allows."""
        token, prompt = 1000 * self.token_time, 1000 * self.prompt_time
        tokens = self.prompt * self.batch
        held = self.batch * (self.prompt + self.output / 2)
        floor, share, request, prefill_token, prefill = (float(each) for each in point[:5])
        floor = max(floor, 1e-3) * float(min(token.min(), prompt.min()))
        return Terms(
            base_ms=share * floor,
            per_request_ms=request * float((token / self.batch).min()),
            per_kv_token_us=1000 * float((token / held).min()) * float(point[5]) if kv_us is None else kv_us,
            per_prefill_token_us=prefill_token * 2000 * float(np.median(prompt / tokens)),
            prefill_ms=prefill * float(prompt.min()),
            floor_ms=floor,
        )

    def times(self, terms: Terms) -> tuple[Floats, Floats]:
        """Tell the seconds of prefill and of a token."""
        held = self.batch * (self.prompt + self.output / 2)
        prompt = terms.base_ms + terms.prefill_ms + terms.per_prefill_token_us / 1000 * self.prompt * self.batch
        token = terms.base_ms + terms.per_request_ms * self.batch + terms.per_kv_token_us / 1000 * held
        return np.maximum(prompt, terms.floor_ms) / 1000, np.maximum(token, terms.floor_ms) / 1000


def fit_batches(table: BatchTable, options: Options) -> Fitted:
    """Find the terms of a table of times by batch; every second inner point is held out.

    Raises
    ------
    InputError
        When the table cannot tell them.
    """
    points = _Points.of(table)
    _check(table, points, options)
    held = np.arange(len(points.batch)) % 2 == 1
    held[-1] = False

    def residuals(point: Floats) -> Floats:
        prompt, token = points.times(points.terms(point, options.kv_us))
        errors = np.concatenate(
            [np.log(prompt / points.prompt_time)[~held], np.log(token / points.token_time)[~held]]
        )  # a relative error is -1 at worst on one side: it would forgive terms that are far too small
        return np.asarray(np.sqrt(np.sqrt(errors**2 + _EDGE**2) - _EDGE) / np.sqrt(len(errors)))

    found = search(residuals, 6 if options.kv_us is None else 5, starts=16, polish=1500)
    terms = points.terms(found.point, options.kv_us)
    rows = _comparisons(points, points.times(terms), held)
    warnings = loose(terms, [points.terms(end, options.kv_us) for end in found.nearly])
    far = [row for row in rows if abs(row.error) > _FAR]
    if far:
        worst = max(far, key=lambda row: abs(row.error))
        warnings.append(
            f"{len(far)} of {len(rows)} times are off by more than half, most {worst.quantity[:-4]} at {worst.at} "
            f"({worst.error:+.0%}): odd measurements, or the form does not hold there"
        )
    warnings.append(
        "a batch table knows no scheduler: max_num_seqs, token_budget, join_lag and frontend_ms are defaults"
    )
    return Fitted(table.file, terms, found.loss, tuple(rows), tuple(warnings))


def _check(table: BatchTable, points: _Points, options: Options) -> None:
    """Refuse a table in which terms cannot be told apart."""
    if len(points.batch) < LEAST_POINTS:
        raise InputError.one(
            table.file,
            f"must have at least {LEAST_POINTS} different batches to tell the terms, got {len(points.batch)}",
        )
    if len(np.unique(points.batch)) == 1:
        raise InputError.one(
            table.file,
            f"has only batches of {points.batch[0]}, from which what a request adds cannot be told; measure several",
        )
    if len(np.unique(points.prompt * points.batch)) == 1:
        raise InputError.one(
            table.file, "has only prompts of one size, from which the time a prefill token is not told"
        )
    if options.kv_us is None and len(np.unique(points.prompt + points.output / 2)) == 1:
        raise InputError.one(
            table.file,
            "holds requests of one shape, from which the time a request and the time a cached token cannot be told "
            "apart; state the latter with --kv-us, or --model and --accelerator",
        )


def _comparisons(points: _Points, simulated: tuple[Floats, Floats], held: np.ndarray) -> list[Comparison]:
    """Set measured beside told, point by point."""
    measured = (points.prompt_time, points.token_time)
    return [
        Comparison(
            quantity,
            f"{points.prompt[row]} in, {points.output[row]} out, batch {points.batch[row]}",
            1000 * float(was[row]),
            1000 * float(now[row]),
            float(now[row] / was[row] - 1),
            HELD_OUT if held[row] else IN_SAMPLE,
        )
        for quantity, was, now in zip(("prompt time, ms", "token time, ms"), measured, simulated, strict=True)
        for row in range(len(points.batch))
    ]
