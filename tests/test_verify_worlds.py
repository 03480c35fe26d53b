"""Random worlds hold what they promise, and a wrong row, stint or hire in one of them is found."""

from dataclasses import replace

import numpy as np
import pytest

from sim.engine import fleet
from sim.ground.jobs import API, HELD
from sim.ground.units import NEVER
from sim.questions.verify import elastic_worlds, worlds


def _passed_someone(world, rows):
    """Count jobs that started while one with a better place had arrived and was waiting."""
    paths, count = world.paths, 0
    for first, last in zip(paths.offsets[:-1], paths.offsets[1:], strict=True):
        place = [(paths.priority[j], paths.arrival[j], j) for j in range(first, last)]
        for j in range(first, last):
            if rows.outcome[j] == HELD:
                before = [i for i in range(first, last) if place[i - first] < place[j - first]]
                count += any(
                    paths.arrival[i] <= rows.start[j] and (rows.start[i] < 0 or rows.start[i] > rows.start[j])
                    for i in before
                )
    return count


def test_worlds_hold_what_they_promise():
    seen = dict.fromkeys(["ties", "overflows", "left waiting", "passed", "multi-node", "zero", "cut", "limit 0"], 0)
    for number in range(150):
        world = worlds.world(number)
        rows = fleet.serve(world.fleet, world.paths, world.terms)
        ends = rows.end[rows.outcome == HELD]
        patience_ends = rows.start[(rows.outcome == API) & (rows.start > world.paths.arrival)]
        seen["ties"] += len(np.intersect1d(ends, world.paths.arrival)) + len(np.intersect1d(ends, patience_ends))
        seen["overflows"] += np.count_nonzero(rows.outcome == API)
        seen["left waiting"] += len(patience_ends)
        seen["passed"] += _passed_someone(world, rows) if world.fleet.backfill else 0
        seen["multi-node"] += np.count_nonzero(world.paths.gpus > world.fleet.gpus_per_node)
        seen["zero"] += np.count_nonzero(world.paths.service == 0)
        seen["cut"] += np.count_nonzero(rows.start < 0) + np.count_nonzero(ends > world.fleet.horizon)
        seen["limit 0"] += world.fleet.queue_limit == 0
    assert min(seen.values()) >= 10, seen
    assert seen["ties"] > 500


def test_elastic_worlds_hold_what_they_promise():
    what = ["cancelled", "taken away", "given back", "interrupted", "twice", "several nodes", "lost", "writing", "cut"]
    words = ["refusing", "no nodes", "no maximum", "levels", "binding", "lent", "fails", "preempt", "backfill", "kept"]
    seen = dict.fromkeys([*what, *words, "hires", "refused", "slots"], 0)
    for each in map(elastic_worlds.world, range(150)):
        rows, short = each.served(fleet.serve)
        for name in set(short):
            seen[name] += 1
        if rows.stints is None:
            continue
        left = rows.hires.left[(rows.hires.ready < NEVER) & (rows.hires.left < NEVER)]
        busy = np.isin(left, rows.stints.until[rows.stints.lost > 0])
        rules, hiring = each.fleet, each.fleet.hiring
        for name, count in {
            "cancelled": np.count_nonzero(rows.hires.ready == NEVER),
            "taken away": np.count_nonzero(busy),
            "given back": np.count_nonzero(~busy),
            "interrupted": np.count_nonzero(rows.interrupted),
            "twice": np.count_nonzero(rows.interrupted > 1),
            "several nodes": np.count_nonzero(each.paths.gpus[rows.stints.job] > rules.gpus_per_node),
            "lost": np.count_nonzero(rows.stints.lost),
            "writing": np.count_nonzero(rows.stints.writing),
            "cut": np.count_nonzero(rows.end > rules.horizon),
            "refusing": each.hazards.refused.shape[1] > 0,
            "no nodes": rules.nodes == 0,
            "no maximum": hiring is not None and hiring.maximum == NEVER,
            "levels": len(np.unique(each.paths.priority)) > 3,
            "binding": hiring is not None and hiring.binding,
            "lent": rules.lent > 0,
            "fails": rules.fails,
            "preempt": rules.preempt,
            "backfill": rules.backfill,
            "kept": hiring is not None and hiring.idle_release > 0,
        }.items():
            seen[name] += int(count)
    assert min(seen.values()) >= 10, seen
    assert min(seen[name] for name in ("cancelled", "interrupted", "several nodes", "lost", "writing")) > 500, seen


@pytest.mark.slow
def test_a_thousand_elastic_worlds():
    assert elastic_worlds.FULL == 1000
    rows, differing = elastic_worlds.compare(range(elastic_worlds.FULL))
    assert rows > 50_000
    assert differing == 0


@pytest.mark.parametrize("column", ["lost", "node"])
def test_a_wrong_stint_or_hire_is_found(monkeypatch, column):
    right = fleet.serve

    def wrong(*world):
        rows = right(*world)
        name = "stints" if column == "lost" else "hires"
        if (told := getattr(rows, name)) is None:
            return rows
        return replace(rows, **{name: replace(told, **{column: getattr(told, column) + 1})})

    assert elastic_worlds.compare(range(10))[1] == 0
    monkeypatch.setattr(elastic_worlds.fleet, "serve", wrong)
    assert elastic_worlds.compare(range(10))[1] > 0


def test_a_wrong_row_is_found(monkeypatch):
    right = fleet.serve

    def wrong(*world):
        rows = right(*world)
        return replace(rows, end=rows.end + (rows.outcome == API))

    assert worlds.compare(range(20))[1] == 0
    monkeypatch.setattr(worlds.fleet, "serve", wrong)
    assert worlds.compare(range(20))[1] > 0
