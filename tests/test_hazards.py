"""What happens to nodes, drawn beforehand: laws, prefixes, windows, turns of supply, logs of spot nodes."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from worlds import ARTICLE, scenario

from sim.faults import InputError
from sim.hires import ExhaustedError
from sim.units import NEVER, TICKS_PER_HOUR, tick, to_hours
from sim.workload.draws import Draws
from sim.workload.hazards import MOST_SIZE, Sizes, enlarged, first_sizes, hazards, loads, numbers
from sim.workload.replays import Replay, read_replay, replay_of
from sim.workload.streams import stream

HELD = {"instance": "p4d.24xlarge", "rate": "reserved_1y", "nodes": 2}
HIRED = {"instance": "p4d.24xlarge", "rate": "on_demand"}
SPOT = {"instance": "p4d.24xlarge", "rate": "spot"}
LOGNORMAL, EXPONENTIAL = {"law": "lognormal", "mean": 6, "cv": 0.5}, {"law": "exponential", "mean": 10}
FAILING = {"up_hours": {"law": "weibull", "mean": 100, "shape": 0.7}, "repair_hours": {"law": "exponential", "mean": 8}}
SUPPLY = {"on_hours": {"law": "exponential", "mean": 30}, "off_hours": {"law": "exponential", "mean": 10}}
BAMBOO = Path(os.environ.get("FLEETECON_DATA", Path(__file__).parents[2] / "shared" / "data")) / "spot" / "bamboo"


def world(plan: dict, **more):
    """The article with one more plan, and that plan."""
    made = scenario(ARTICLE, {"plans.mine": plan} | more)
    return made, made.plans["mine"]


def drawn(plan: dict, replications=range(3), **sizes):
    """The hazards of a plan."""
    return hazards(*world(plan), 7, replications, **sizes)


def same(a, b) -> bool:
    """Whether two hazards say the same."""
    columns = ("windows", "supply", "boot", "lifetime", "refused")
    return all(np.array_equal(getattr(a, each), getattr(b, each)) for each in columns) and a.slots == b.slots


def test_a_plan_without_hazards_has_none():
    for plan, nodes in (
        ({"held": {"own": HELD}}, 2),
        ({"hired": {"more": HIRED}}, 0),
        ({"api": {"usd_per_job": 1}}, 0),
    ):
        made = drawn(plan)
        assert made.windows.shape == (3, nodes, 2)
        assert (made.windows == [0, NEVER]).all()
        assert made.supply.shape[1] == made.boot.shape[1] == made.lifetime.shape[1] == made.refused.shape[1] == 0
        assert made.slots == 0


def test_hired_nodes_without_chance():
    made = drawn({"hired": {"more": HIRED | {"boot_minutes": 6, "lifetime_hours": 2}}}, hires=4, slots=9)
    assert made.boot.tolist() == [[tick(0.1)] * 4] * 3
    assert made.lifetime.tolist() == [[tick(2)] * 4] * 3
    assert (made.supply.shape, made.refused.shape, made.slots) == ((3, 0, 1), (3, 0), 9)
    assert (drawn({"hired": {"more": HIRED | {"boot_minutes": 6}}}, hires=4).lifetime == NEVER).all()


def test_each_law_comes_from_its_own_stream():
    made = drawn({"hired": {"more": HIRED | {"boot_minutes": LOGNORMAL, "lifetime_hours": EXPONENTIAL}}}, hires=50)
    _, plan = world({"hired": {"more": HIRED | {"boot_minutes": LOGNORMAL, "lifetime_hours": EXPONENTIAL}}})
    boot = Draws(plan.hired["more"].boot_minutes, lambda name: stream(7, 1, name), "hired/boot").take(50)
    assert to_hours(made.boot[1]) == pytest.approx(boot / 60, abs=1e-9)
    assert to_hours(made.lifetime[2]) == pytest.approx(stream(7, 2, "hired/lifetime").standard_exponential(50) * 10)
    assert not np.array_equal(made.lifetime[0], made.lifetime[1])


def test_a_lifetime_lasts_at_least_a_tick():
    law = {"law": "empirical", "values": [0, 1000]}
    made = drawn({"hired": {"more": HIRED | {"lifetime_hours": law, "boot_minutes": law}}}, hires=50)
    assert set(np.unique(made.lifetime)) == {1, tick(1000)}
    assert set(np.unique(made.boot)) == {0, tick(1000 / 60)}


@pytest.mark.parametrize(
    ("law", "cv"),
    [
        ({"law": "weibull", "mean": 5, "shape": 1}, 1),
        ({"law": "weibull", "mean": 5, "shape": 2}, math.sqrt(4 / math.pi - 1)),
        ({"law": "weibull", "mean": 5, "shape": 0.5}, math.sqrt(5)),
        ({"law": "erlang", "mean": 5, "phases": 4}, 0.5),
        ({"law": "gamma", "mean": 5, "cv": 0.7}, 0.7),
        ({"law": "lognormal", "mean": 5, "cv": 0.6}, 0.6),
        ({"law": "hyperexponential", "mean": 5, "cv": 2}, 2),
        ({"law": "deterministic", "mean": 5}, 0),
    ],
    ids=str,
)
def test_lifetimes_have_the_mean_and_cv_of_their_law(law, cv):
    n = 200_000
    hours = to_hours(drawn({"hired": {"more": HIRED | {"lifetime_hours": law}}}, [0], hires=n).lifetime[0])
    assert hours.mean() == pytest.approx(5, abs=1e-9 + 4 * 5 * cv / math.sqrt(n))
    assert hours.std() / 5 == pytest.approx(cv, rel=0.05)


def test_weibull_is_its_own_distribution():
    # P(X > t) = exp(-(t Gamma(1 + 1/k) / mean)^k), by hand at a few t; a negative control at the wrong shape.
    n, mean, shape = 100_000, 5, 0.8
    law = {"law": "weibull", "mean": mean, "shape": shape}
    hours = to_hours(drawn({"hired": {"more": HIRED | {"lifetime_hours": law}}}, [0], hires=n).lifetime[0])
    for at in (0.5, 2, 5, 12):
        beyond = math.exp(-((at * math.gamma(1 + 1 / shape) / mean) ** shape))
        assert abs((hours > at).mean() - beyond) < 4 * math.sqrt(beyond * (1 - beyond) / n)
    wrong = math.exp(-0.5 / mean)
    assert abs((hours > 0.5).mean() - wrong) > 4 * math.sqrt(wrong * (1 - wrong) / n)


EVERYTHING = {
    "held": {"own": HELD | {"failures": FAILING}},
    "hired": {
        "more": HIRED
        | {"boot_minutes": LOGNORMAL, "lifetime_hours": FAILING["up_hours"], "available_share": 0.7, "supply": SUPPLY}
    },
}


def test_more_draws_begin_as_fewer_did():
    less, more = (drawn(EVERYTHING, hires=n, asks=2 * n, slots=n) for n in (10, 37))
    assert np.array_equal(less.boot, more.boot[:, :10])
    assert np.array_equal(less.lifetime, more.lifetime[:, :10])
    assert np.array_equal(less.refused, more.refused[:, :20])
    assert np.array_equal(less.windows, more.windows)
    assert np.array_equal(less.supply, more.supply)
    assert (less.slots, more.slots) == (10, 37)


def test_a_replication_is_the_same_in_whatever_company():
    together, alone = drawn(EVERYTHING, range(5), hires=9), drawn(EVERYTHING, [3], hires=9)
    for name in ("boot", "lifetime", "refused"):
        assert np.array_equal(getattr(together, name)[3], getattr(alone, name)[0])
    for name in ("windows", "supply"):
        all_of_it, one = getattr(together, name)[3], getattr(alone, name)[0]
        width = one.shape[-1]
        assert np.array_equal(all_of_it[:, :width], one)
        assert (all_of_it[:, width:] == NEVER).all()


def test_plans_share_their_noise_whatever_they_are_called():
    twin = scenario(ARTICLE, {"plans.mine": EVERYTHING, "plans.other": EVERYTHING})
    assert same(*(hazards(twin, twin.plans[name], 7, range(3)) for name in ("mine", "other")))
    assert not same(hazards(twin, twin.plans["mine"], 8, range(3)), hazards(twin, twin.plans["mine"], 7, range(3)))
    # another mean moves every value and redraws none
    double = {"more": EVERYTHING["hired"]["more"] | {"boot_minutes": LOGNORMAL | {"mean": 12}}}
    slow = drawn(EVERYTHING | {"hired": double}, hires=20)
    assert np.abs(slow.boot - 2 * drawn(EVERYTHING, hires=20).boot).max() <= 1


def test_a_longer_horizon_begins_as_a_shorter_one():
    short, long = (hazards(*world(EVERYTHING, horizon_days=days), 7, [0]) for days in (30, 300))
    for name in ("windows", "supply"):
        for a, b in zip(getattr(short, name)[0], getattr(long, name)[0], strict=True):
            inside = a[a < tick(30 * 24)]
            assert np.array_equal(inside, b[: len(inside)])
            assert len(inside) > 0


def test_windows_alternate_and_cover_the_horizon():
    made, horizon = drawn(EVERYTHING), tick(8760)
    assert made.windows.shape[:2] == (3, 2)
    for table in (made.windows, made.supply):
        assert table.shape[2] % 2 == 0
        for row in table.reshape(-1, table.shape[2]):
            known = row[row < NEVER]
            assert (np.diff(known) > 0).all()
            assert (row[len(known) :] == NEVER).all()
            assert known[-1] >= horizon
    assert (made.windows[:, :, 0] == 0).all()


def test_windows_by_hand():
    # up 10 h, repair 2 h, to the horizon of 1 day: down at 10, up at 12, down at 22, up at 24
    made = hazards(
        *world(
            {"held": {"own": HELD | {"failures": {"up_hours": 10, "repair_hours": 2}}, "sure": HELD}}, horizon_days=1
        ),
        7,
        [0],
    )
    assert to_hours(made.windows[0, 0]).tolist() == [0, 10, 12, 22, 24, NEVER / TICKS_PER_HOUR]
    assert np.array_equal(made.windows[0, 0], made.windows[0, 1])
    assert made.windows[0, 2].tolist() == made.windows[0, 3].tolist() == [0, NEVER, NEVER, NEVER, NEVER, NEVER]


def test_repairs_without_a_length_still_end_a_run():
    made = hazards(*world({"held": {"own": HELD | {"failures": {"up_hours": 10, "repair_hours": 0}}}}), 7, [0])
    assert made.windows[0, 0, :5].tolist() == [0, tick(10), tick(10) + 1, tick(20) + 1, tick(20) + 2]


def test_windows_of_a_law_that_rarely_moves():
    # nearly all values are tiny, so that the first guess of how many are needed is far too low
    law = {"law": "lognormal", "mean": 50, "cv": 100}
    made, horizon = drawn({"held": {"own": HELD | {"failures": {"up_hours": law, "repair_hours": 1}}}}), tick(8760)
    for row in made.windows.reshape(-1, made.windows.shape[2]):
        assert row[row < NEVER][-1] >= horizon


def test_windows_over_the_farthest_horizon():
    far = {"horizon_days": 1_000_000, "allocation.window_days": 1_000_000, "workload.tuning.arrivals.rate_per_day": 1}
    failures = {"up_hours": 1e8, "repair_hours": 1e8}
    made = hazards(*world({"held": {"own": HELD | {"nodes": 1, "failures": failures}}}, **far), 7, [0])
    assert made.windows[0, 0].tolist() == [0, tick(1_000_000 * 24) + 1]


def test_failures_come_as_often_as_their_laws_say():
    plan = {"held": {"own": HELD | {"nodes": 8, "failures": FAILING}}}
    windows = drawn(plan, range(40)).windows
    hours = to_hours(np.minimum(windows, tick(8760)))
    up = (hours[..., 1::2] - hours[..., ::2]).sum(axis=-1) / 8760
    assert up.mean() == pytest.approx(100 / 108, abs=4 * up.std() / math.sqrt(up.size))


def test_lent_windows_come_behind_held_ones():
    lent = np.array([[[tick(20), tick(32), tick(44), NEVER]]] * 3)
    made = drawn({"held": {"own": HELD}}, lent=lent)
    assert made.windows.shape == (3, 3, 4)
    assert made.windows[1].tolist() == [[0, NEVER, NEVER, NEVER]] * 2 + [lent[1, 0].tolist()]
    wide = drawn(EVERYTHING, lent=lent).windows
    assert (wide[:, 2, :4] == lent[:, 0]).all()
    assert (wide[:, 2, 4:] == NEVER).all()
    assert drawn({"held": {"own": HELD}}, lent=np.empty((3, 0, 2), np.int64)).windows.shape == (3, 2, 2)


def test_refusals_are_as_frequent_as_stated_and_share_their_noise():
    refused = {p: drawn({"hired": {"m": HIRED | {"available_share": p}}}, asks=5000).refused for p in (0, 0.3, 0.8)}
    assert refused[0].all()
    assert set(np.unique(refused[0.3])) == {0, 1}
    for p in (0.3, 0.8):
        assert abs(refused[p].mean() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / 15_000)
    assert (refused[0.8] <= refused[0.3]).all()


def test_supply_is_on_with_the_same_probability_at_every_time():
    supply = drawn({"hired": {"m": HIRED | {"supply": SUPPLY}}}, range(2000)).supply[:, 0]
    for hour in (0, 1, 17, 400, 8000):
        on = (np.sum(supply <= tick(hour), axis=1) % 2 == 1).mean()
        assert abs(on - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 2000), hour
    never = {"on_hours": 0, "off_hours": {"law": "exponential", "mean": 10}}
    assert (drawn({"hired": {"m": HIRED | {"supply": never}}}, range(50)).supply[:, 0, 0] > 0).all()


def test_supply_that_has_no_chance_in_it_by_hand():
    laws = {"on_hours": 10, "off_hours": 5}
    made = hazards(*world({"hired": {"m": HIRED | {"supply": laws}}}, horizon_days=1), 7, range(60))
    rows = {tuple(to_hours(row[row < NEVER]).tolist()) for row in made.supply[:, 0]}
    assert rows == {(0, 10, 15, 25), (5, 15, 20, 30)}


def test_first_sizes_and_how_they_grow():
    made, plan = world({"hired": {"more": HIRED | {"maximum": 100, "boot_minutes": 1}}})
    sizes = first_sizes(made, plan)
    assert sizes == Sizes(hires=64 + 2190 * 5 // 4, asks=64 + 2190 * 5 // 4, slots=64)
    assert enlarged(sizes, ExhaustedError("hires"), plan).hires == 2 * sizes.hires
    assert enlarged(sizes, ExhaustedError("refused"), plan) == sizes._replace(asks=2 * sizes.asks)
    assert enlarged(sizes, ExhaustedError("slots"), plan) == sizes._replace(slots=100)
    assert enlarged(Sizes(0, 0, 0), ExhaustedError("hires"), plan).hires == 64
    with pytest.raises(ExhaustedError):
        enlarged(sizes._replace(slots=100), ExhaustedError("slots"), plan)
    with pytest.raises(ExhaustedError):
        enlarged(sizes._replace(hires=MOST_SIZE), ExhaustedError("hires"), plan)
    with pytest.raises(ExhaustedError, match="more stints were needed"):
        enlarged(sizes, ExhaustedError("stints"), plan)
    short_lived = first_sizes(*world({"hired": {"more": SPOT | {"lifetime_hours": 1, "available_share": 0.5}}}))
    assert short_lived == Sizes(64 + (2190 + 4380) * 5 // 4, int(64 + 1.25 * 6570 / 0.5), 64)
    endless = world({"hired": {"more": SPOT | {"lifetime_hours": 1}}})[1]
    assert enlarged(short_lived, ExhaustedError("slots"), endless).slots == 128
    logged = world({"hired": {"more": SPOT | {"trace": {"file": "x"}}}})[1]
    with pytest.raises(ExhaustedError):
        enlarged(sizes, ExhaustedError("slots"), logged)
    listed = {"workload.tuning": {"kind": "fine_tune", "jobs": [{"arrival_hours": 1, "service_hours": 2}], "gpus": 8}}
    assert (
        first_sizes(
            *world(
                {
                    "hired": {"more": HIRED | {"maximum": 2}},
                },
                **{"plans.api": {"api": {"usd_per_job": 1}}},
                **listed,
            ),
            jobs=1,
        ).hires
        == 65
    )


def test_loads_of_nodes_that_serve():
    chat = {
        "kind": "inference",
        "arrivals": {"law": "poisson", "rate_per_second": 1},
        "prompt_tokens": 9,
        "output_tokens": 9,
    }
    serve = {"base_ms": 10, "kv_tokens": 1000}
    scale = {"target": 4, "maximum": 3, "load_minutes": {"law": "exponential", "mean": 2}}
    plan = {
        "held": {
            "own": HELD,
            "day": HELD
            | {"serve": serve | {"schedule": [{"from_hour": 8, "nodes": 1}], "switch_minutes": 6, "load_minutes": 3}},
        }
    }
    lent = scenario(ARTICLE, {"plans": {"mine": plan}, "workload.chat": chat, "horizon_days": 9}).plans["mine"]
    assert loads(lent.held["day"], 7, range(2), 3).tolist() == [[tick(0.15)] * 3] * 2
    plan = {
        "held": {"own": HELD},
        "hired": {"chat": HIRED | {"boot_minutes": 6, "serve": serve | {"autoscale": scale}}},
    }
    scaled = scenario(ARTICLE, {"plans": {"mine": plan}, "workload.chat": chat, "horizon_days": 9}).plans["mine"]
    made = loads(scaled.hired["chat"], 7, range(2), 40)
    assert to_hours(made[1]) == pytest.approx(
        0.1 + stream(7, 1, "serving/load").standard_exponential(40) / 30, abs=1e-9
    )
    with pytest.raises(LookupError, match="serve no inference"):
        loads(scaled.held["own"], 7, [0], 1)


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
