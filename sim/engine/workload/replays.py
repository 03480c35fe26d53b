"""Logs of spot nodes that came and went, as windows of time in which nodes can be had. Not here: who hires them.

A log has no header and one of two forms. ``ms,add,node`` and ``ms,remove,node``: a node takes the lowest slot that is
free and was not freed at the same instant. ``date, time, count``: a rise fills the lowest free slots, a fall takes any
of those that are up, by chance (alike in every study, for the log does not say which). A monitor that writes its next
signs of life beforehand puts rows out of order: a row up to five minutes earlier than the latest takes over from its
instant; anything earlier is refused. The log begins with its first row and ends with its latest; what that row says
lasts no time.
"""

import csv
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path

import numpy as np

from sim.ground.faults import InputError
from sim.ground.logs import Faults, instant, number, readable, text_lines, whole
from sim.ground.scenario import Hired, Plan, Scenario
from sim.ground.units import Ticks, tick

MOST_CHANGES, MOST_SLOTS = 1_000_000, 10_000
"""Changes in a log, and nodes up at one time: more would not fit into memory."""

MOST_INSTANTS = 20_000_000
"""Instants of all slots over one horizon: more would not fit into memory."""

_CHANCE = 2021
"""Seed of what a log of counts leaves open."""

_AHEAD = 5 * 60 * 1_000_000
_FORMS = "`0,add,node1`, `0,remove,node1` or `2021-12-11, 11:11:30, 55`"
_COUNT = whole("nodes", MOST_SLOTS)


@dataclass(frozen=True)
class Replay:
    """Windows in which the slots of a log were up, to be replayed round and round.

    Attributes
    ----------
    period : int
        Ticks from the first row of the log to its latest.
    slots : tuple of int64[2 k]
        For each slot the instants at which it came up, went down, came up and so on, within [0, period].
    """

    period: int
    slots: tuple[Ticks, ...]

    def rounds(self, horizon: int) -> int:
        """Count the rounds that cover a horizon from any instant of the log."""
        return -(-horizon // self.period) + 1

    def instants(self, horizon: int) -> int:
        """Tell how many instants each slot needs over a horizon; times the slots, that is a replication's memory."""
        return max(len(slot) for slot in self.slots) * self.rounds(horizon)

    def over(self, begins: Sequence[int], horizon: int) -> list[list[Ticks]]:
        """Lay the log out over a horizon, once for each instant of the log at which it may begin.

        Returns
        -------
        list of list of int64[2 k]
            For each beginning and slot; the first window may have begun at 0, the last may reach beyond the horizon. A
            slot that is up at the log's end and at its beginning stays up from one round to the next.
        """
        starts = np.arange(self.rounds(horizon), dtype=np.int64)[:, None] * self.period
        laid = []
        for slot in self.slots:
            mine = (starts + slot).ravel()
            if slot[0] == 0 and slot[-1] == self.period:
                seam = np.arange(len(slot), len(mine), len(slot))
                mine = np.delete(mine, np.concatenate((seam - 1, seam)))
            laid.append(mine)
        return [[_cut(mine, begin, horizon) for mine in laid] for begin in begins]


def _cut(laid: Ticks, begins: int, horizon: int) -> Ticks:
    """Cut a horizon out of windows that are laid out from the beginning of a log."""
    first = int(np.searchsorted(laid, begins, side="right")) // 2 * 2  # the first window that ends later
    last = (int(np.searchsorted(laid, begins + horizon)) + 1) // 2 * 2  # all that begin before the horizon
    found = laid[first:last] - begins
    if len(found):
        found[0] = max(int(found[0]), 0)
    return found


@dataclass
class _Events:
    """Nodes that are named one by one: which slot each has."""

    faults: Faults
    changes: list[tuple[int, int, bool]] = field(default_factory=list)
    slot_of: dict[str, int] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    freed: list[int] = field(default_factory=list)
    latest: int = -1

    @property
    def moves(self) -> int:
        """How often a slot came up or went down."""
        return len(self.changes)

    @property
    def read(self) -> int:
        """Entries that are kept in memory."""
        return len(self.changes)

    def take(self, row: list[str], where: str) -> None:
        """Read a row: an instant in ms, what happened, to which node."""
        try:
            now = round(number(row[0].strip()) * 1000)
        except ValueError as broken:
            self.faults.refuse(where, f"the instant {broken.args[0]}, got {row[0][:40]!r}")
            return
        if now < self.latest:
            self.faults.refuse(where, "comes before the row above it; put the rows in order")
            return
        if now > self.latest:
            for slot in self.freed:
                heapq.heappush(self.free, slot)
            self.freed, self.latest = [], now
        node, added = row[2].strip(), row[1].strip() == "add"
        if added == (node in self.slot_of):
            self.faults.refuse(
                where, f"{'adds' if added else 'removes'} {node[:40]!r}, which is {'' if added else 'not '}there"
            )
        elif added:
            self.slot_of[node] = heapq.heappop(self.free) if self.free else len(self.slot_of) + len(self.freed)
            self.changes.append((now, self.slot_of[node], True))
        else:
            self.freed.append(self.slot_of.pop(node))
            self.changes.append((now, self.freed[-1], False))


@dataclass
class _Counts:
    """How many nodes there are, from instant to instant."""

    faults: Faults
    counts: list[tuple[int, int]] = field(default_factory=list)
    first: int = -1
    latest: int = -1

    def take(self, row: list[str], where: str) -> None:
        """Read a row: a date, a time, a number of nodes."""
        date, time, told = (cell.strip() for cell in row)
        try:
            now = round(instant(f"{date} {time}"))
            nodes = 0 if told == "0" else int(_COUNT(told))
        except ValueError as broken:
            self.faults.refuse(where, f"{broken.args[0]}, got {', '.join(row)[:40]!r}")
            return
        if self.latest >= 0 and (now < self.latest - _AHEAD or now < self.first):
            self.faults.refuse(where, "comes too long before a row above it; put the rows in order")
            return
        while self.counts and self.counts[-1][0] >= now:
            self.counts.pop()
        if not self.counts or self.counts[-1][1] != nodes:
            self.counts.append((now, nodes))
        self.first = now if self.latest < 0 else self.first
        self.latest = max(self.latest, now)

    @property
    def read(self) -> int:
        """Entries that are kept in memory."""
        return len(self.counts)

    @property
    def moves(self) -> int:
        """How often a slot came up or went down."""
        counts = [0, *(nodes for _, nodes in self.counts)]
        return sum(abs(now - before) for before, now in pairwise(counts))

    @property
    def changes(self) -> list[tuple[int, int, bool]]:
        """Each slot that comes up or goes down, and when: the lowest that are free, any of those that are up."""
        found: list[tuple[int, int, bool]] = []
        up: list[int] = []
        chance = np.random.Generator(np.random.Philox(_CHANCE))
        for now, nodes in self.counts:
            taken = set(up)
            free = (slot for slot in count() if slot not in taken)
            come = [slot for slot, _ in zip(free, range(nodes - len(up)), strict=False)]
            go = [up.pop(int(chance.integers(len(up)))) for _ in range(len(up) - nodes)]
            up += come
            found += [(now, slot, True) for slot in come] + [(now, slot, False) for slot in go]
        return found


def _rows(file: Path) -> Iterator[tuple[list[str], str]]:
    """Read the rows of a file that are not empty, each with its place."""
    rows = csv.reader(text_lines(file), strict=True)
    for row in rows:
        if row:
            yield row, f"{file}:{rows.line_num}"


def read_replay(file: Path) -> Replay:
    """Read a log of spot nodes.

    Raises
    ------
    InputError
        With all faults found, up to a limit, each with file and line.
    """
    faults = Faults(file)
    found: _Events | _Counts | None = None
    with readable(file):
        for row, where in _rows(file):
            named = len(row) == 3 and row[1].strip() in ("add", "remove")
            if len(row) != 3 or (found is not None and named != isinstance(found, _Events)):
                faults.refuse(where, f"must be like {_FORMS}, one form all through, got {','.join(row)[:40]!r}")
                continue
            if found is None:
                found = _Events(faults) if named else _Counts(faults)
            found.take(row, where)
            if found.read > MOST_CHANGES:
                break
    if found is None and not faults:
        raise InputError.one(f"{file}", f"is empty; its rows must be like {_FORMS}")
    faults.stop()
    if found is not None and found.moves >= MOST_CHANGES:
        raise InputError.one(f"{file}", f"has {MOST_CHANGES:,} nodes or more that come or go")
    return _replay(file, found)


def _replay(file: Path, found: _Events | _Counts | None) -> Replay:
    """Turn the changes of a log into windows of its slots."""
    changes = [] if found is None else found.changes
    if found is None or not changes:
        raise InputError.one(f"{file}", "must have a node in it at some time")
    windows: list[list[int]] = [[] for _ in range(1 + max(slot for _, slot, _ in changes))]
    begins = changes[0][0] if isinstance(found, _Events) else found.first
    period = found.latest - begins
    if period <= 0:
        raise InputError.one(f"{file}", "must last longer than an instant")
    if len(windows) > MOST_SLOTS:
        raise InputError.one(f"{file}", f"has {len(windows):,} nodes up at one time; at most {MOST_SLOTS:,} are read")
    for now, slot, up in changes:
        mine = windows[slot]
        if not up and mine[-1] == now - begins:
            mine.pop()  # came and went at one instant
        else:
            mine.append(now - begins)
    laid = [mine + [period] * (len(mine) % 2) for mine in windows]
    kept = [mine[:-2] if mine[-2:] == [period, period] else mine for mine in laid]
    if not any(kept):
        raise InputError.one(f"{file}", "must have a node in it for some time")
    return Replay(period, tuple(np.array(mine, np.int64) for mine in kept if mine))


def replay_of(scenario: Scenario, plan: Plan) -> Replay | None:
    """Read the log by which the hired nodes of a plan come and go; None where it has none.

    Raises
    ------
    InputError
        When the log is refused, would fill the memory over the scenario's horizon, or has too few nodes for a job.
    """
    hired: Hired | None = plan.hired_tuning
    if hired is None or hired.trace is None:
        return None
    file = scenario.folder / hired.trace.file
    made, horizon = read_replay(file), tick(scenario.horizon_hours)
    if (instants := made.instants(horizon) * len(made.slots)) > MOST_INSTANTS:
        text = f"would bring {instants:,} changes within horizon_days; at most {MOST_INSTANTS:,} fit into memory"
        raise InputError.one(f"{file}", text)
    slots = len(made.slots) if hired.most_nodes is None else min(len(made.slots), hired.most_nodes)
    gpus = (plan.nodes + plan.lent + slots) * plan.gpus_per_node
    for name, job_class in scenario.tunes.items():
        if (most := max(job_class.gpu_sizes)) > gpus:
            text = f"jobs of {most} GPUs of class `{name}` would block its {gpus} GPUs for ever"
            raise InputError.one(f"{file}", f"{text}, for it never has more than {len(made.slots)} nodes up")
    return made
