"""Sizing a plan: worlds worked out by hand, levels, certificates that say when they are not sure, refusals."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import plain
from worlds import examples

import sim
from sim.ground.estimate import Estimate
from sim.ground.faults import InputError
from sim.ground.scenario import Tree, build
from sim.questions.search.cells import Bench, floor_usd
from sim.questions.search.certificate import Rules
from sim.questions.search.choices import Box, Choice, by_load, start
from sim.questions.search.choices import given as chosen
from sim.questions.search.levels import MET, MISSED, UNSURE, Kept, Level, judge, levels
from sim.questions.search.neighbours import along, along_longest, beside, first_steps
from sim.questions.search.race import _walked, race
from sim.study import run
from sim.study.pieces import run_all
from sim.study.simulate import Experiment

NODES = "plans.own.held.gpu.nodes"


def world(own=None, work=None, **values):
    """A job an hour of two and a half hours on a GPU of 3 USD; 100 hours."""
    job_class = {"kind": "fine_tune", "arrivals": {"law": "deterministic", "mean_hours": 1}, "service_hours": 2.5}
    plan = {"held": {"gpu": {"gpus": 1, "nodes": 1, "usd_per_node_h": 3}}}
    whole = {"name": "hand", "seed": 1, "horizon_days": 100 / 24, "workload": {"jobs": job_class | (work or {})}}
    return build(Tree(whole | {"plans": {"own": plan | (own or {})}} | values))


POISSON = {"arrivals": {"law": "poisson", "rate_per_day": 24}}
LOSS = {"api": {"usd_per_job": 9}, "patience_hours": 0}


class TestByHand:
    def test_three_nodes_carry_two_and_a_half_erlangs_that_come_by_the_clock(self):
        found = sim.size(world(), "own")
        assert found.setting == {NODES: 3}
        assert found.bill_usd == Estimate(900, 900, 900, 0, 10)
        assert found.sure
        two, four = found.certificate.neighbours
        assert (two.setting, two.verdict) == ({NODES: 2}, "misses a level")
        assert two.dearer_usd.value == -300
        assert [each.verdict for each in two.levels] == ["missed", "met"]
        assert (four.setting, four.verdict, four.replications) == ({NODES: 4}, "dearer", 0)  # its nodes alone cost more
        assert four.dearer_usd.low == 300

    def test_a_level_buys_a_node_more(self):
        # Two jobs at once each hour, of half an hour: on one node the second waits half an hour; two let none wait.
        twice = {"arrivals": {"law": "deterministic", "mean_hours": 1, "batch": 2}, "service_hours": 0.5}
        scenario = world(work=twice, equal_work={"not_started_share": 0.02})
        assert sim.size(scenario, "own").setting == {NODES: 1}
        assert sim.size(scenario, "own", wait_p95_hours=0.5).setting == {NODES: 1}
        found = sim.size(scenario, "own", wait_p95_hours=0.49)
        assert found.setting == {NODES: 2}
        assert found.scenario.equal_work.wait_p95_hours == 0.49
        one = found.certificate.neighbours[0]
        late = next(each for each in one.levels if each.level.what == "wait_p95_h")
        assert late.verdict == "missed"
        assert late.share.value == pytest.approx(0.5, abs=0.01)
        assert late.percentile.value == pytest.approx(0.5, abs=1e-6)
        half = sim.size(scenario, "own", availability=0.4, within_hours=0)
        assert half.setting == {NODES: 1}
        assert sim.size(scenario, "own", availability=0.6, within_hours=0).setting == {NODES: 2}

    def test_no_nodes_at_all_where_the_api_is_cheap(self):
        found = sim.size(world(own={"api": {"usd_per_job": 1}, "patience_hours": 0}), "own")
        assert found.setting == {NODES: 0}
        assert found.sure
        assert found.bill_usd.value == 99

    def test_no_setting_does_the_work(self):
        found = sim.size(world(), "own", {"held.gpu.nodes": range(3)})
        assert found.setting is None
        assert found.nearest == {NODES: 2}
        assert not found.sure
        assert found.result["reason"] == "no setting does the work"

    def test_the_bound_is_doubled_while_the_best_lies_on_it(self):
        # Twelve jobs at once, once a day: the load is one GPU, but all start at once only on twelve.
        crowd = {"arrivals": {"law": "deterministic", "mean_hours": 24, "batch": 12}, "service_hours": 2}
        scenario = world(work=crowd)
        assert by_load(scenario, "own").choices[0].values == range(5)
        found = sim.size(scenario, "own", availability=0.99, within_hours=0)
        assert found.setting == {NODES: 12}
        assert found.sure
        assert found.result["choices"] == {NODES: {"low": 0, "high": 16}}

    def test_settings_that_cannot_be_are_said_to(self):
        held = {"held": {"gpu": {"gpus": 1, "nodes": 3, "usd_per_node_h": 3}}}
        wide = {"gpus": 3, "arrivals": {"law": "deterministic", "mean_hours": 4}}
        found = sim.size(world(own=held, work=wide), "own")
        assert found.setting == {NODES: 3}
        two = found.certificate.neighbours[0]
        assert two.verdict == "cannot be"
        assert "jobs of 3 GPUs would block its 2 GPUs for ever" in two.reason


class TestCertificate:
    def test_few_replications_are_not_sure_and_say_why(self):
        few = {"replications": 2, "most_replications": 4}
        found = sim.size(world(own=LOSS, work=POISSON, horizon_days=20), "own", indifferent_share=0, **few)
        assert not found.sure
        assert {each.reason for each in found.certificate.doubts} <= {
            "it may cost less",
            "4 replications are too few to trust an interval",
        }
        assert found.certificate.doubts

    def test_a_better_neighbour_is_not_lost_where_the_best_turns_out_to_fail(self):
        # Twelve nodes seem to do the work on few paths; on more they do not, and thirteen do.
        size = {"law": "lognormal", "mean": 6, "cv": 2}
        work = {"arrivals": {"law": "gamma", "rate_per_day": 42, "cv": 2}, "service_hours": size}
        own = {"api": {"usd_per_service_hour": 12}, "patience_hours": 24}
        for seed in range(6):
            scenario = world(own=own, work=work, horizon_days=24, warm_up_days=2, seed=seed)
            found = sim.size(scenario, "own", most_replications=40)
            assert found.setting is not None
            levels_ = found.certificate.levels
            assert all(each.share.value <= each.level.most for each in levels_)

    def test_within_the_indifference_a_neighbour_is_as_good(self):
        found = sim.size(world(own=LOSS, work=POISSON), "own", most_replications=160, indifferent_share=0.2)
        assert found.sure
        assert {each.verdict for each in found.certificate.neighbours} <= {"alike", "dearer"}
        assert found.result["indifferent_usd"] == pytest.approx(0.2 * found.bill_usd.value)
        by_usd = sim.size(world(own=LOSS, work=POISSON), "own", indifferent_share=0, indifferent_usd=1000)
        assert by_usd.sure
        assert by_usd.result["replications"] == 40

    def test_threads_do_not_matter(self):
        once, again = (sim.size(world(own=LOSS, work=POISSON), "own", jobs=jobs) for jobs in (1, 3))
        assert plain(once.result) == plain(again.result)

    def test_both_engines_tell_the_same(self):
        told = {"replications": 3, "most_replications": 6}
        once, again = (
            sim.size(world(own=LOSS, work=POISSON), "own", engine=each, **told) for each in ("kernel", "simpy")
        )
        assert plain(once.result) == plain(again.result)

    def test_the_bill_is_that_of_a_run_and_the_scenario_runs(self):
        found = sim.size(world(own=LOSS, work=POISSON), "own")
        held = {"gpu": {"gpus": 1, "nodes": found.setting[NODES], "usd_per_node_h": 3}}
        count = found.result["replications"]
        again = run(world(own=LOSS | {"held": held}, work=POISSON), count)
        assert again.result["plans"]["own"]["bill_usd"]["total"] == found.bill_usd

    def test_it_is_what_trying_every_setting_finds(self):
        values = {"held.gpu.nodes": range(1, 7), "patience_hours": [0, 0.5, 1, 2, 4]}
        scenario = world(own=LOSS, work=POISSON, horizon_days=10)
        found = sim.size(scenario, "own", values, wait_p95_hours=1.5, indifferent_share=0)
        bench = bench_of(found.scenario, found.box)
        places = list(itertools.product(range(6), range(5)))
        bench.simulate(places, found.result["replications"])
        best = min(places, key=lambda at: bench.order(at, found.result["replications"]))
        assert bench.box.setting(best) == found.setting
        assert found.result["work"]["share"] < 0.8
        assert found.result["work"]["brute_force"]["settings"] == 30

    def test_uncertain_numbers_are_taken_at_their_central_value(self):
        unsure = world(own=LOSS, work=POISSON, uncertain={NODES.replace("nodes", "usd_per_node_h"): {"cases": [3, 5]}})
        found = sim.size(unsure, "own")
        assert found.setting == sim.size(world(own=LOSS, work=POISSON), "own").setting
        assert found.result["warnings"][-1] == {
            "code": "uncertain",
            "text": "1 uncertain number is taken at the central value",
        }


def bench_of(scenario, box):
    return Bench(
        scenario, "own", box, levels(scenario), scenario.seed, "kernel", lambda _progress: map, lambda _text: None
    )


@pytest.mark.parametrize(
    "own", [{}, LOSS, {"staff": {"engineers": 2, "usd_per_year": 1e5}, "overhead_usd_per_year": 5e4}]
)
@pytest.mark.parametrize("nodes", [1, 4])
def test_what_a_plan_pays_whatever_comes_is_never_more_than_its_bill(own, nodes):
    held = {"held": {"gpu": {"gpus": 1, "nodes": nodes, "usd_per_node_h": 3}}}
    ready = Experiment.of(world(own=own | held, work=POISSON), 1)
    least, bills = floor_usd(ready, "own"), run_all(ready, 5)["own"].bills
    assert (least <= bills * (1 + 1e-12)).all()
    assert "api" in own or least == pytest.approx(bills, rel=1e-12)


class TestLevels:
    def test_a_level_is_a_share_of_jobs(self):
        kept = Kept(np.array([10.0, 8, 12]), np.full(3, 100.0), np.empty(0), np.zeros(4, np.int64))
        found = kept.share(0.95)
        assert found.value == pytest.approx(0.1)
        assert found.low == pytest.approx(0.1 - 4.302653 * 0.02 / 3**0.5)  # t with 2 degrees of freedom
        asked = [judge(Level("jobs", "not_started", None, most), kept, 0.95).verdict for most in (0.01, 0.1, 0.6)]
        assert asked == [MISSED, UNSURE, MET]

    def test_nothing_seen_in_few_jobs_is_not_sure(self):
        few = Kept(np.zeros(3), np.full(3, 2.0), np.empty(0), np.zeros(4, np.int64))
        many = Kept(np.zeros(3), np.full(3, 2000.0), np.empty(0), np.zeros(4, np.int64))
        level = Level("jobs", "not_started", None, 0.01)
        assert [judge(level, each, 0.95).verdict for each in (few, many)] == [UNSURE, MET]

    def test_the_interval_of_a_percentile_holds_it(self):
        draw, inside = np.random.default_rng(3), 0
        for _ in range(200):
            values, offsets = draw.exponential(size=2000), np.arange(0, 2001, 100)
            kept = Kept(np.zeros(20), np.full(20, 100.0), values, offsets)
            found = kept.percentile(0.95)
            inside += found.low <= np.log(20) <= found.high
        assert 180 <= inside <= 199

    def test_a_larger_share_above_is_a_lower_percentile(self):
        """0 to 999, dealt out to 10 replications one by one: 5 of 100 lie above in each, so Wilson's interval holds."""
        kept = Kept(np.zeros(10), np.full(10, 100.0), np.arange(1000.0).reshape(100, 10).T.ravel(), np.arange(11) * 100)
        found, z = kept.percentile(0.95), 1.959963984540054
        half = z * (0.05 * 0.95 / 1000 + z * z / 4e6) ** 0.5
        least, most = ((0.05 + z * z / 2000 + side) / (1 + z * z / 1000) for side in (-half, half))
        ends = (999 * (1 - most), 999 * 0.95, 999 * (1 - least))  # 933.8, 949.1, 960.9
        assert (found.low, found.value, found.high) == pytest.approx(ends, rel=1e-12)

    @given(st.lists(st.lists(st.floats(0, 9), max_size=8), min_size=2, max_size=5), st.floats(0, 9), st.integers(1, 4))
    @examples(50)
    def test_replications_can_be_added_piece_by_piece(self, runs, limit, first):
        def kept(part):
            values, offsets = np.array(list(itertools.chain(*part)), float), np.cumsum([0, *map(len, part)])
            missed = np.array([float(sum(value > limit for value in each)) for each in part])
            return Kept(missed, np.diff(offsets).astype(float), values, offsets)

        first = min(first, len(runs) - 1)
        whole, joined = kept(runs), Kept.joined([kept(runs[:first]), kept(runs[first:])])
        for name in ("missed", "counted", "values", "offsets"):
            assert np.array_equal(getattr(whole, name), getattr(joined, name))
            assert np.array_equal(getattr(joined.first(first), name), getattr(kept(runs[:first]), name))


class TestRivals:
    """Twenty places along the longest key at each of three patiences; a survey on few paths may stop off the best."""

    def bench(self):
        scenario = world(own=LOSS, work=POISSON, horizon_days=10)
        return bench_of(scenario, chosen(scenario, "own", {"held.gpu.nodes": range(20), "patience_hours": [0, 2, 40]}))

    def lowest(self, patience, count):
        bench = self.bench()
        return bench.best([(k, patience) for k in range(20)], count)

    def test_a_rival_in_doubt_walks_to_the_lowest_place_of_its_line(self):
        bench, low = self.bench(), [self.lowest(patience, 20) for patience in range(3)]
        bench.rivals = ((low[0][0] + 2, 0), (low[1][0] + 1, 1), (low[2][0] + 3, 2))
        assert tuple(_walked(bench, bench.rivals[:2], 20)) == (low[0], low[1], bench.rivals[2])

    def test_rivals_that_meet_are_one(self):
        bench, low = self.bench(), self.lowest(0, 20)
        bench.rivals = (low, (low[0] + 1, 0))
        assert tuple(_walked(bench, bench.rivals, 20)) == (low,)

    def test_without_nodes_a_rival_stays(self):
        bench = self.bench()
        bench.rivals = ((0, 1),)
        assert tuple(_walked(bench, bench.rivals, 20)) == ((0, 1),)

    def test_the_race_walks_on_from_a_rival(self):
        bench, low = self.bench(), self.lowest(1, 20)
        bench.rivals = ((low[0] + 1, 1), (low[0] + 12, 2))  # a dozen nodes too many cost more whatever comes
        race(bench, (0, 0), Rules(0.95, 0, 0, 10, 20))
        assert bench.rivals == (low, (low[0] + 12, 2))


def test_no_nodes_at_all_is_not_missed_behind_settings_that_miss_the_level():
    # On one node to four some jobs wait too long; without nodes all go to a cheap API at once.
    own = {"api": {"usd_per_job": 1}, "patience_hours": 3}
    found = sim.size(world(own=own, work=POISSON), "own", most_replications=80, wait_p95_hours=1)
    assert found.setting == {NODES: 0}
    dear = sim.size(world(own=own | {"api": {"usd_per_job": 90}}, work=POISSON), "own", wait_p95_hours=1)
    assert dear.setting == {NODES: 5}
    assert ({NODES: 0}, "dearer") in [(each.setting, each.verdict) for each in dear.certificate.neighbours]


class TestNeighbours:
    BOX = Box((Choice("a", range(9)), Choice("b", (1, 2, 4))))

    def test_a_step_in_one_key_or_in_two(self):
        around = beside((4, 1), self.BOX)
        assert len(around) == len(set(around)) == 8
        assert set(around[:4]) == {(3, 1), (5, 1), (4, 0), (4, 2)}
        assert set(beside((0, 0), self.BOX)) == {(1, 0), (0, 1), (1, 1)}

    def test_long_steps_end_on_the_bounds(self):
        assert along((4, 1), (8, 1), self.BOX) == [(0, 1), (8, 1), (4, 0), (4, 2)]
        assert along((0, 0), (2, 1), self.BOX) == [(2, 0), (0, 1)]
        assert first_steps(Box((Choice("a", range(100)), Choice("b", (1, 2))))) == (8, 1)
        assert along_longest((8, 1), self.BOX) == (8, 0)

    def test_it_begins_where_the_load_just_fits(self):
        scenario = world(own={"api": {"usd_per_job": 1}, "patience_hours": 4})
        box = chosen(
            scenario, "own", {"held.gpu.nodes": range(1, 9), "patience_hours": [1, 2, 4, 8], "queue_limit": [1, 2]}
        )
        assert box.setting(start(scenario, "own", box)) == {
            NODES: 3,
            "plans.own.patience_hours": 4,
            "plans.own.queue_limit": 2,
        }


REFUSED = {
    "plan": (lambda s: sim.size(s, "owm"), "--plan: `owm` is not known here; did you mean `own`?"),
    "other": (
        lambda s: sim.size(s, "own", {"plans.api.held.gpu.nodes": [1, 2]}),
        "--choose: must be a key of plan `own`, like held.gpu.nodes or plans.own.held.gpu.nodes, "
        "got 'plans.api.held.gpu.nodes'",
    ),
    "key": (
        lambda s: sim.size(s, "own", {"held.gpu.node": [1, 2]}),
        "--choose: plans.own.held.gpu.node is not a key here; did you mean `nodes`?",
    ),
    "one": (
        lambda s: sim.size(s, "own", {"held.gpu.nodes": [1]}),
        f"--choose: {NODES} must have at least 2 values to choose among, got 1; put a single one in with --set",
    ),
    "twice": (
        lambda s: sim.size(s, "own", {"held.gpu.nodes": [1, 1]}),
        f"--choose: {NODES} must have different values, got one of them twice",
    ),
    "both": (
        lambda s: sim.size(s, "own", {"held.gpu.nodes": [1, 2], NODES: [3, 4]}),
        f"--choose: {NODES} is given twice; give all its values in one --choose",
    ),
    "half": (
        lambda s: sim.size(s, "own", {"held.gpu.nodes": [1.5, 2]}),
        f"--choose: {NODES} must be a whole number from 0 to 100000, got 1.5",
    ),
    "less": (
        lambda s: sim.size(s, "own", {"held.gpu.nodes": range(-1, 4)}),
        f"--choose: {NODES} must be a whole number from 0 to 100000, got -1",
    ),
    "wait": (lambda s: sim.size(s, "own", wait_p95_hours=0.0), "--wait-p95: must be a number above 0, got 0.0"),
    "ttft": (
        lambda s: sim.size(s, "own", ttft_p95_s=1.0),
        "--ttft-p95: needs a class of kind inference, and the workload has none",
    ),
    "all": (
        lambda s: sim.size(s, "own", availability=1.0),
        "--availability: must be a share above 0 and below 1 (1 is more than a simulation can show), got 1.0",
    ),
    "within": (
        lambda s: sim.size(s, "own", within_hours=1.0),
        "--within: must come with --availability, the share that starts within it",
    ),
    "ago": (
        lambda s: sim.size(s, "own", availability=0.9, within_hours=-1.0),
        "--within: must be a number of hours >= 0, got -1.0",
    ),
    "single": (
        lambda s: sim.size(s, "own", replications=1),
        "--reps: must be at least 2, for one replication has no interval, got 1",
    ),
    "most": (lambda s: sim.size(s, "own", most_replications=5), "--most-reps: must be at least --reps (10), got 5"),
    "nan": (
        lambda s: sim.size(s, "own", indifferent_usd=-1.0),
        "--indifferent: must be USD >= 0, or like 0.1 %, got -1.0",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    ask, text = REFUSED[name]
    with pytest.raises(InputError) as error:
        ask(world())
    assert text in str(error.value).splitlines()


def test_a_plan_with_nothing_to_choose_is_refused():
    scenario = world(plans={"own": {"api": {"usd_per_job": 1}}})
    with pytest.raises(InputError, match="plan `own` holds no nodes to choose the number of; say what to choose"):
        sim.size(scenario, "own")
