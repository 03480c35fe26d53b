"""What happens to nodes, drawn beforehand: laws, prefixes, windows, turns of supply, logs of spot nodes."""

import math

import numpy as np
import pytest
from hazardous import EVERYTHING, EXPONENTIAL, FAILING, HELD, HIRED, LOGNORMAL, SPOT, SUPPLY, drawn, same, world
from worlds import ARTICLE, scenario

from sim.engine.workload.draws import Draws
from sim.engine.workload.hazards import MOST_SIZE, Sizes, enlarged, first_sizes, hazards, loads
from sim.engine.workload.streams import stream
from sim.ground.hires import ExhaustedError
from sim.ground.units import NEVER, TICKS_PER_HOUR, tick, to_hours


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
