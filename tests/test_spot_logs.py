"""Logs of spot nodes: read, refused, gone round, replayed from a random instant."""

from pathlib import Path

import numpy as np
import pytest
from hazardous import BAMBOO, EVERYTHING, HELD, SPOT, drawn, same, world

from sim.engine.workload.hazards import hazards, numbers
from sim.engine.workload.replays import Replay, read_replay, replay_of
from sim.engine.workload.streams import stream
from sim.ground.faults import InputError
from sim.ground.units import TICKS_PER_HOUR, tick


def log(tmp_path, text: str) -> Path:
    """A log of spot nodes."""
    (tmp_path / "spot.csv").write_text(text)
    return tmp_path / "spot.csv"


def slots(replay: Replay) -> list[list[float]]:
    """The windows of each slot in seconds."""
    return [(slot / 1e6).tolist() for slot in replay.slots]


def test_events_by_hand(tmp_path):
    # a takes slot 0, b slot 1; a leaves at 10 s; c comes at the same instant and takes slot 2, d at 20 s takes slot 0
    text = "2000,add,a\n2000,add,b\n\n12000,remove,a\n12000,add,c\n22000, add , d\n32000,remove,c\r\n42000,remove,b\n"
    made = read_replay(log(tmp_path, text))
    assert (made.period, slots(made)) == (40_000_000, [[0, 10, 20, 40], [0, 40], [10, 30]])


def test_counts_by_hand(tmp_path):
    text = "2021-12-11, 11:00:00, 2\n2021-12-11, 11:01:00, 2\n2021-12-11, 11:02:00, 0\n2021-12-11, 11:03:00, 1\n"
    made = read_replay(log(tmp_path, text + "2021-12-11, 11:04:00, 5\n"))
    assert (made.period, slots(made)) == (240_000_000, [[0, 120, 180, 240], [0, 120]])


def test_a_sign_of_life_written_beforehand_gives_way(tmp_path):
    text = "2021-12-11, 11:00:00, 3\n2021-12-11, 11:02:00, 3\n2021-12-11, 11:01:00, 1\n2021-12-11, 11:03:00, 1\n"
    assert sorted(slots(read_replay(log(tmp_path, text)))) == [[0, 60], [0, 60], [0, 180]]  # chance says who stays
    late = text + "2021-12-11, 11:02:30, 2\n2021-12-11, 11:02:10, 3\n"
    assert sorted(slots(read_replay(log(tmp_path, late)))) == [[0, 60, 130, 180], [0, 60, 130, 180], [0, 180]]


def test_a_node_that_comes_and_goes_at_one_instant_was_never_there(tmp_path):
    made = read_replay(log(tmp_path, "0,add,a\n5000,add,b\n5000,remove,b\n9000,remove,a\n9000,add,c\n"))
    assert slots(made) == [[0, 9]]


@pytest.mark.parametrize(
    ("begins", "horizon", "expected"),
    [
        (0, 35, [[0, 2, 6, 12, 16, 22, 26, 32], [3, 5, 13, 15, 23, 25, 33, 35]]),
        (1, 12, [[0, 1, 5, 11], [2, 4]]),
        (4, 12, [[2, 8], [0, 1, 9, 11]]),
        (7, 5, [[0, 5], []]),
        (9, 1, [[0, 3], []]),
    ],
)
def test_a_log_goes_round_and_round(begins, horizon, expected):
    # 10 ticks; slot 0 is up at its end and at its beginning, so it stays up from round to round
    made = Replay(10, (np.array([0, 2, 6, 10]), np.array([3, 5])))
    laid = [np.minimum(slot, horizon + 10).tolist() for slot in made.over([begins], horizon)[0]]
    assert [slot[: len(want)] for slot, want in zip(laid, expected, strict=True)] == expected
    assert [len(slot) for slot in laid] == [len(want) + len(want) % 2 for want in expected]


def test_a_slot_that_is_always_up_is_never_taken_back():
    ((slot,),) = Replay(10, (np.array([0, 10]),)).over([3], 95)
    assert slot[0] == 0
    assert len(slot) == 2
    assert slot[1] >= 95


def test_hazards_replay_a_log_from_a_random_instant(tmp_path):
    file = log(tmp_path, "0,add,a\n0,add,b\n3600000,remove,a\n7200000,remove,b\n10800000,add,c\n14400000,remove,c\n")
    one, plan = world({"hired": {"m": SPOT | {"trace": {"file": str(file)}}}}, horizon_days=2)
    made = hazards(one, plan, 7, range(40), slots=99)
    assert (made.supply.shape[:2], made.slots) == ((40, 2), 2)
    for replication, table in enumerate(made.supply):
        begins = int(stream(7, replication, "hired/trace").integers(tick(4)))
        for slot, (since, until) in enumerate([(0, 1), (0, 2)]):
            up = [(since, until)] if slot else [(0, 1), (3, 4)]
            at = np.arange(48) + 0.5
            instants = (begins / TICKS_PER_HOUR + at) % 4
            expected = np.logical_or.reduce([(a <= instants) & (instants < b) for a, b in up])
            found = np.array([(table[slot] <= tick(hour)).sum() % 2 == 1 for hour in at])
            assert np.array_equal(found, expected)
    assert same(made, hazards(one, plan, 7, range(40), replay=replay_of(one, plan)))
    assert replay_of(one, one.plans["api"]) is None


@pytest.mark.parametrize(
    ("text", "refusals"),
    [
        ("", [": is empty; its rows must be like `0,add,node1`, `0,remove,node1` or `2021-12-11, 11:11:30, 55`"]),
        ("ms,event,node\n", [":1: must be a date and time like 2023-10-01 12:30:00, got 'ms, event, node'"]),
        ("0,add\n", [":1: must be like `0,add,node1`", "one form all through, got '0,add'"]),
        ("0,add,a\n2021-12-11, 11:11:30, 55\n9,remove,a\n", [":2: must be like", "got '2021-12-11, 11:11:30, 55'"]),
        ("0,add,a\n1,removed,a\n", [":2: must be like", "got '1,removed,a'"]),
        ("5000,add,a\n4000,add,b\n-1,add,c\n", [":2: comes before the row above it; put", ":3: the instant must be a"]),
        ("1,add,a\nsoon,add,b\n", [":2: the instant must be a number from 0 to 1e12", "got 'soon'"]),
        ("0,add,a\n1,add,a\n2,remove,b\n", [":2: adds 'a', which is there", ":3: removes 'b', which is not there"]),
        ("0,add,a\n0,add,b\n", [": must last longer than an instant"]),
        ("0,add,a\n0,remove,a\n9,add,b\n", [": must have a node in it for some time"]),
        ("2021-12-11, 11:11:30, 0\n2021-12-11, 11:12:30, 0\n", [": must have a node in it at some time"]),
        ("2021-12-11, 11:11:30, many\n", [":1: must be a number from 0 to 1e12", "got '2021-12-11,  11:11:30,  many'"]),
        ("2021-12-11, 11:11:30, 1.5\n", [":1: must be a whole number of nodes from 1"]),
        ("2021-12-11, 11:11:30, 10001\n", [":1: must be a whole number of nodes from 1 to 10000"]),
        ("2021-12-41, 11:11:30, 5\n", [":1: must be a date and time like 2023-10-01 12:30:00"]),
        (
            "2021-12-11, 11:11:30, 5\n2021-12-11, 11:30:30, 5\n2021-12-11, 11:25:29, 5\n",
            [":3: comes too long before a row above it; put the rows in order"],
        ),
        ("2021-12-11, 11:11:30, 5\n2021-12-11, 11:11:29, 5\n", [":2: comes too long before a row above it"]),
        ("x\n" * 30, [":20: must be like", ": has more faults; the first 20 are shown"]),
        ("2021-12-11, 11:11:30, 10000\n2021-12-11, 11:12:30, 0\n" * 1, []),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_refusals_of_logs(tmp_path, text, refusals):
    file = log(tmp_path, text)
    if not refusals:
        assert len(read_replay(file).slots) == 10_000
        return
    with pytest.raises(InputError) as refused:
        read_replay(file)
    told = str(refused.value)
    for refusal in refusals:
        assert f"{file}{refusal}" in told or (refusal[0] != ":" and refusal in told), told


def test_a_log_that_would_fill_the_memory_is_refused(tmp_path):
    rows = [f"2021-12-{1 + n // 1440:02}, {n // 60 % 24:02}:{n % 60:02}:00, {10_000 * (n % 2)}" for n in range(102)]
    with pytest.raises(InputError, match="has 1,000,000 nodes or more that come or go"):
        read_replay(log(tmp_path, "\n".join(rows)))
    file = log(tmp_path, "0,add,a\n1,remove,a\n2,add,b\n")
    with pytest.raises(
        InputError, match=r"would bring \d{2},\d{3},\d{3},\d{3} changes within horizon_days; at most 20,000,000"
    ):
        replay_of(*world({"hired": {"m": SPOT | {"trace": {"file": str(file)}}}}))


def test_a_log_with_too_few_nodes_is_refused(tmp_path):
    file = log(tmp_path, "0,add,a\n0,add,b\n9000,remove,b\n")
    plan = {"hired": {"m": SPOT | {"trace": {"file": str(file)}}}}
    wide = {"workload.tuning.gpus": 24, "plans.reserved.held.p4d.nodes": 3, "horizon_days": 0.1}
    with pytest.raises(InputError, match="jobs of 24 GPUs of class `tuning` would block its 16 GPUs for ever, for it"):
        replay_of(*world(plan, **wide))
    assert replay_of(*world(plan | {"held": {"own": HELD | {"nodes": 1}}}, **wide)).period == 9_000_000
    capped = {"hired": {"m": SPOT | {"maximum": 1, "trace": {"file": str(file)}}}, "held": {"own": HELD}}
    assert replay_of(*world(capped, **wide)) is not None


def test_a_log_of_too_many_nodes_is_refused(tmp_path):
    rows = "".join(f"0,add,n{n}\n" for n in range(10_001))
    with pytest.raises(InputError, match="has 10,001 nodes up at one time; at most 10,000 are read"):
        read_replay(log(tmp_path, rows + "9,remove,n0\n"))


def test_how_many_numbers_a_replication_has(tmp_path):
    made = drawn(EVERYTHING)
    size = sum(getattr(made, each)[0].size for each in ("windows", "supply", "boot", "lifetime", "refused"))
    assert numbers(*world(EVERYTHING)) == pytest.approx(size, rel=0.1)
    replay = Replay(tick(1), (np.array([0, tick(0.5)]),) * 3)
    plan = {"hired": {"m": SPOT | {"trace": {"file": "x"}}}}
    assert numbers(*world(plan), replay) - numbers(*world(plan)) == 3 * 2 * 8761
    assert numbers(*world({"held": {"own": HELD}})) == 4


def test_a_log_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        replay_of(*world({"hired": {"m": SPOT | {"trace": {"file": str(tmp_path / "none.csv")}}}}))


@pytest.mark.skipif(not BAMBOO.is_dir(), reason=f"the Bamboo logs are not in {BAMBOO}")
@pytest.mark.parametrize(
    ("name", "nodes", "hours", "first", "reclaims"),
    [
        # reclaims a node hour as told beside the logs; the last is told as 0.313, which takes each sign of life that
        # was written beforehand for nodes that came and went again
        ("p3-trace", 32, 11.3667, 18, 0.611),
        ("g4dn-trace", 24, 10.6333, 1, 0.545),
        ("gcloud_a100x1-east1b", 64, 27.0183, 55, 0.0995),
        ("gcloud_v100x1-east1c", 80, 24.1703, 80, 0.281),
    ],
)
def test_the_real_logs(name, nodes, hours, first, reclaims):
    made = read_replay(BAMBOO / f"{name}.csv")
    assert (len(made.slots), made.period / TICKS_PER_HOUR) == (nodes, pytest.approx(hours, abs=1e-3))
    assert sum(int(slot[0]) == 0 for slot in made.slots) == first
    assert all((np.diff(slot) > 0).all() and len(slot) % 2 == 0 for slot in made.slots)
    up = sum((slot[1::2] - slot[::2]).sum() for slot in made.slots) / TICKS_PER_HOUR
    downs = sum((slot[1::2] < made.period).sum() for slot in made.slots)
    assert downs / up == pytest.approx(reclaims, rel=0.02)


@pytest.mark.skipif(not BAMBOO.is_dir(), reason=f"the Bamboo logs are not in {BAMBOO}")
def test_node_hours_of_a_real_log():
    rows = [line.split(",") for line in (BAMBOO / "p3-trace.csv").read_text().split()]
    last, came, ms = int(rows[-1][0]), {}, 0
    for instant, event, node in rows:
        if event == "add":
            came[node] = int(instant)
        else:
            ms += int(instant) - came.pop(node)
    ms += sum(last - since for since in came.values())
    made = read_replay(BAMBOO / "p3-trace.csv")
    assert sum(int((slot[1::2] - slot[::2]).sum()) for slot in made.slots) == ms * 1000


def test_a_fall_of_the_count_takes_any_node_not_always_the_last(tmp_path):
    # Ten nodes, of which one goes and comes back every minute for ten hours: each of them goes at times.
    rows = [f"2021-12-11, {minute // 60:02d}:{minute % 60:02d}:00, {10 - minute % 2}" for minute in range(600)]
    found = slots(read_replay(log(tmp_path, "\n".join(rows) + "\n")))
    assert len(found) == 10
    assert all(15 < len(each) // 2 < 60 for each in found)
    assert sum(len(each) // 2 - 1 for each in found) == 299
