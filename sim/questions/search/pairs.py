"""Two plans along a key: where they change places, where they tie, where that is not sure, where it is not compared."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

from sim.ground.estimate import Estimate
from sim.questions.search.crossing import Crossing, Pair, Rules
from sim.questions.search.difference import Along, Gap
from sim.questions.search.roots import edge, on_line
from sim.questions.search.scan import FIRST_LOOK, LeftOut, Stretch, doubtful, look, misfit
from sim.questions.search.span import Span
from sim.study.no_crossing import changes_beyond, cost_the_same, never_alike, none_below_capacity, none_between
from sim.study.result import Json
from sim.study.threads import Progress

TIE: Final = 1e-4
"""Width to which the ends of a tie are found, as a share of the range."""


@dataclass(frozen=True)
class Compared:
    """Two plans along a key.

    Attributes
    ----------
    plans : (str, str)
        Who is compared.
    crossings : tuple of Crossing
        Where they change places, from the least value up.
    ties : tuple of (float, float)
        Where they cost the same from one value to another.
    unsure : tuple of (float, float)
        Where even the most replications do not tell them apart, though they change places nowhere for sure.
    stretches : tuple of (Gap, Gap)
        The ends of each range of values at which both do the work.
    left_out : tuple of LeftOut
        Where one of them does not.
    reason : str or None
        Why there is no crossing.
    """

    plans: tuple[str, str]
    crossings: tuple[Crossing, ...]
    ties: tuple[tuple[float, float], ...]
    unsure: tuple[tuple[float, float], ...]
    stretches: tuple[tuple[Gap, Gap], ...]
    left_out: tuple[LeftOut, ...]
    reason: str | None

    def as_result(self) -> Json:
        """Give it by the keys of the JSON contract."""
        ends = [
            {"at": gap.at, "difference_usd": gap.usd, "cheaper": _cheaper(self.plans, gap)}
            for ends in self.stretches
            for gap in ends
        ]
        return {
            "plans": list(self.plans),
            "crossings": [
                asdict(each) | {"at": each.at, "cheaper": {"below": each.cheaper[0], "above": each.cheaper[1]}}
                for each in self.crossings
            ],
            "reason": self.reason,
            "ties": self.ties,
            "unsure": self.unsure,
            "compared": [[first.at, last.at] for first, last in self.stretches],
            "ends": ends,
            "left_out": [asdict(each) for each in self.left_out],
        }


def _cheaper(plans: tuple[str, str], gap: Gap) -> str | None:
    """Name the cheaper plan at a value; None where that is not sure."""
    return None if gap.sign == 0 else plans[0] if gap.sign < 0 else plans[1]


def compare_all(
    along: Along, span: Span, pairs: Sequence[tuple[str, str]], rules: Rules, progress: Progress | None = None
) -> tuple[Compared, ...]:
    """Hold each pair of plans against each other; all see the same paths."""
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    values = span.first_look(FIRST_LOOK)
    carried = [value for value in values if all(along.overload(value, name) is None for name in names)]
    along.know(carried, names)
    found = []
    for done, (a, b) in enumerate(pairs, 1):
        found.append(compare(Pair(along, span, a, b, rules), values))
        if progress is not None:
            progress(done, len(pairs))
    return tuple(found)


def compare(pair: Pair, values: Sequence[float]) -> Compared:
    """Hold two plans against each other over a range."""
    stretches, left_out = look(pair, values)
    found = [each for stretch in stretches for each in _crossings(pair, stretch)]
    crossings = [each for each in found if misfit(pair, _place(each)) is None]
    left_out += [_unranked(pair, each) for each in found if each not in crossings]
    ties = [each for stretch in stretches for each in _ties(pair, stretch)]
    unsure = [each for stretch in stretches for each in _unsure(stretch)]
    ends = tuple((stretch.gaps[0], stretch.gaps[-1]) for stretch in stretches)
    reason = None if crossings else _reason(pair, stretches, left_out, unsure)
    return Compared((pair.a, pair.b), tuple(crossings), tuple(ties), tuple(unsure), ends, tuple(left_out), reason)


def _place(crossing: Crossing) -> float:
    """Take the value of a crossing."""
    return float(crossing.at.value or 0.0)


def _unranked(pair: Pair, crossing: Crossing) -> LeftOut:
    """Leave a crossing out at which not both plans do the work, though they do on either side."""
    return LeftOut(*crossing.between, *(misfit(pair, _place(crossing)) or ("", "")), None)


def _crossings(pair: Pair, stretch: Stretch) -> list[Crossing]:
    """Find a crossing between each two neighbouring values of opposite sure signs."""
    sure = [k for k, gap in enumerate(stretch.gaps) if gap.sign]
    return [crossing_in(pair, stretch, i, j) for i, j in pairwise(sure) if stretch.gaps[i].sign != stretch.gaps[j].sign]


def crossing_in(pair: Pair, stretch: Stretch, i: int, j: int) -> Crossing:
    """Find the crossing between two values, or from where to where both plans cost the same on every path."""
    left, right = stretch.gaps[i], stretch.gaps[j]
    tied = [gap.at for gap in stretch.gaps[i + 1 : j] if gap.tied]
    met = None
    if not tied:
        met = pair.crossing(left, right, max(stretch.blocks[i], stretch.blocks[j]))
        tied = [_place(met)] * pair.gap(_place(met)).tied
    if tied and (ends := _tie(pair, left.at, tied, right.at))[0] < ends[1]:
        at = Estimate(ends[0], *ends, 0.0, pair.along.block)
        return Crossing(at, "tie", ends, (pair.cheaper(left.sign), pair.cheaper(right.sign)), precise=True)
    return met or pair.crossing(left, right, max(stretch.blocks[i], stretch.blocks[j]))


def _tie(pair: Pair, before: float | None, tied: Sequence[float], after: float | None) -> tuple[float, float]:
    """Find from which value to which two plans cost the same."""
    span = pair.span

    def same(seen: float) -> bool:
        return pair.gap(span.value(seen)).tied

    def last(inside: float, outside: float | None) -> float:
        if outside is None:
            return inside
        width = 0.5 if span.whole and not span.log else TIE * span.width
        return span.value(edge(same, span.seen(inside), span.seen(outside), width)[0])

    return last(tied[0], before), last(tied[-1], after)


def _ties(pair: Pair, stretch: Stretch) -> list[tuple[float, float]]:
    """List where two plans cost the same on every path."""
    gaps, found, k = stretch.gaps, [], 0
    while k < len(gaps):
        if not gaps[k].tied:
            k += 1
            continue
        run = [gap.at for gap in gaps[k:]]
        run = run[: next((n for n, gap in enumerate(gaps[k:]) if not gap.tied), len(run))]
        before, after = (gaps[k - 1].at if k else None), (gaps[k + len(run)].at if k + len(run) < len(gaps) else None)
        found.append(_tie(pair, before, run, after))
        k += len(run)
    return found


def _unsure(stretch: Stretch) -> list[tuple[float, float]]:
    """List from where to where nobody is surely cheaper, where that is no crossing."""
    gaps = stretch.gaps
    places = [k for k in doubtful([gap.sign for gap in gaps]) if not gaps[k].tied]
    runs: list[list[int]] = []
    for k in places:
        if runs and runs[-1][-1] == k - 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    return [(gaps[run[0]].at, gaps[run[-1]].at) for run in runs]


def _reason(
    pair: Pair, stretches: Sequence[Stretch], left_out: Sequence[LeftOut], unsure: Sequence[tuple[float, float]]
) -> str:
    """Say why there is no crossing."""
    a, b = pair.a, pair.b
    if not stretches:
        return f"{never_alike(a, b)}: {_why(left_out[0])}"
    first, last = stretches[0].gaps[0].at, stretches[-1].gaps[-1].at
    signs = {gap.sign for stretch in stretches for gap in stretch.gaps if gap.sign}
    outside = f"; not compared: {'; '.join(_outside(each) for each in left_out)}" if left_out else ""
    if not signs and not unsure:
        return cost_the_same(a, b, first, last) + outside
    if not signs:
        most = max(blocks for stretch in stretches for blocks in stretch.blocks) * pair.along.block
        return f"{most} replications do not tell `{a}` and `{b}` apart from {first:.4g} to {last:.4g}{outside}"
    if len(signs) > 1:
        return f"it changes where not both do the work{outside}"
    cheaper = pair.cheaper(signs.pop())
    tied = any(gap.tied for stretch in stretches for gap in stretch.gaps)
    capacity = next((each.capacity for each in left_out if each.low >= last), None)
    if capacity is None or capacity > 2 * last or tied:
        return none_between(cheaper, first, last, tied) + outside
    if (turn := _turn(stretches[-1])) is not None and last < turn < capacity:
        return f"{changes_beyond(cheaper, last, turn)}, but there not both do the work{outside}"
    return none_below_capacity(cheaper, capacity, unit(pair.along.key), first, last)


def _turn(stretch: Stretch) -> float | None:
    """Find where a straight line through the last two differences comes to 0."""
    if len(stretch.gaps) < 2:
        return None
    one, two = stretch.gaps[-2:]
    return None if one.mean == two.mean else on_line(one.at, two.at, one.mean, two.mean)


def unit(key: str) -> str:
    """Name what a rate is counted by, behind a number."""
    return {"rate_per_day": " a day", "rate_per_second": " a second"}.get(key.rsplit(".", 1)[-1], "")


def _why(each: LeftOut) -> str:
    return f"plan `{each.plan}`: {each.reason}"


def _outside(each: LeftOut) -> str:
    return f"from {each.low:.4g} to {each.high:.4g} ({_why(each)})"
