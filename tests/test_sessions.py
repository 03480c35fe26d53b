"""Closed sessions: worlds worked out by hand, and random ones in which users come back inside a SimPy clock."""

import heapq
from dataclasses import replace

import numpy as np
import pytest

from sim.engine.reference.moment import Moment
from sim.engine.reference.replica import ARRIVAL, Request, microseconds
from sim.engine.reference.replicas import Router
from sim.engine.workload import api_times
from sim.ground.faults import InputError
from sim.ground.jobs import API, HELD, NOT_STARTED, REFUSED
from sim.ground.requests import COLUMNS, RequestRows, Turns
from sim.ground.scenario import Tree, build
from sim.ground.scenario.sessions import Sessions
from sim.ground.units import FINE
from sim.study.sessions import Coming, served_turns
from sim.study.simulate import Experiment

SECOND = 1_000_000
CHAT = {
    "kind": "inference",
    "arrivals": {"law": "deterministic", "mean_hours": 10 / 3600},
    "prompt_tokens": 5,
    "output_tokens": 11,
    "sessions": {"turns": 3, "think_s": 3},
}
PRICES = {"usd_per_million_input_tokens": 1, "usd_per_million_output_tokens": 1}
BY_API = {"api": PRICES | {"ttft_s": 1, "seconds_per_output_token": 0.1}}


def experiment(plan, seconds=29.0, engine="kernel", seed=1, **classes) -> Experiment:
    """A scenario with one plan, made ready."""
    values = {"name": "talk", "horizon_days": seconds / 86400, "workload": classes, "plans": {"plan": plan}}
    return Experiment.of(build(Tree(values)), seed, engine)


def came(ready, replications=(0,), pool=0):
    """What came to a pool and what became of it."""
    return ready.served("plan", ready.work(replications)).requests[pool][1:]


def node(**serve):
    """A plan with one replica of a second an iteration."""
    serve = {"base_ms": 1000, "kv_tokens": 1000, "max_num_seqs": 4, "token_budget": 100} | serve
    return {"held": {"gpu": {"gpus": 1, "nodes": 1, "usd_per_node_h": 1, "serve": serve}}}


def table(requests, rows):
    """(arrival, end, outcome) in seconds, by (session, turn)."""
    keys = zip(requests.turns.session.tolist(), requests.turns.turn.tolist(), strict=True)
    told = zip((requests.arrival / SECOND).tolist(), (rows.end / SECOND).tolist(), rows.outcome.tolist(), strict=True)
    return dict(zip(keys, told, strict=True))


@pytest.mark.parametrize("engine", ["kernel", "simpy"])
@pytest.mark.parametrize(("history", "prompts"), [(True, [5, 21, 37]), (False, [5, 5, 5])])
def test_two_sessions_at_an_api_by_hand(engine, history, prompts):
    # A turn takes 1 + 10 x 0.1 = 2 s, and 3 s later comes the next. Sessions begin at 10 and 20; the third turn of the
    # first comes at 20 too, and before it; the third of the second would come at 30.
    talk = CHAT | {"sessions": CHAT["sessions"] | {"history": history}}
    requests, rows = came(experiment(BY_API, engine=engine, chat=talk))
    assert (requests.arrival / SECOND).tolist() == [10, 15, 20, 20, 25]
    assert (rows.end / SECOND).tolist() == [12, 17, 22, 22, 27]
    assert requests.turns.session.tolist() == [0, 0, 0, 1, 1]
    assert requests.turns.turn.tolist() == [0, 1, 2, 0, 1]
    assert requests.prompt.tolist() == [prompts[turn] for turn in (0, 1, 2, 0, 1)]
    assert requests.cached.tolist() == [prompts[turn] - 5 for turn in (0, 1, 2, 0, 1)]
    assert set(rows.outcome) == {API}


@pytest.mark.parametrize("engine", ["kernel", "simpy"])
def test_turns_without_thought_follow_each_other(engine):
    # One replica, 11 iterations a turn. The second session comes at 20 into the first turn's last iteration.
    talk = CHAT | {"sessions": {"turns": 3, "think_s": 0}}
    requests, rows = came(experiment(node(), seconds=29.5, engine=engine, chat=talk))
    assert table(requests, rows) == {
        (0, 0): (10, 21, HELD),
        (1, 0): (20, 31, HELD),
        (0, 1): (21, 32, HELD),
    }


def test_a_turn_that_is_refused_ends_its_session():
    # Room for 40 tokens: 5 + 10 and 21 + 10 fit, 37 + 10 do not; the fourth turn is never asked.
    talk = CHAT | {"sessions": {"turns": 4, "think_s": 1}, "arrivals": {"law": "deterministic", "mean_hours": 1 / 60}}
    requests, rows = came(experiment(node(kv_tokens=40), seconds=119, chat=talk))
    assert table(requests, rows) == {
        (0, 0): (60, 71, HELD),
        (0, 1): (72, 83, HELD),
        (0, 2): (84, pytest.approx(-1e-6), REFUSED),
    }


@pytest.mark.parametrize("engine", ["kernel", "simpy"])
def test_who_waits_at_the_account_comes_back_later(engine):
    # One request each 5 s, else 5 s of back-off; a turn takes 2 s, thought 1 s. The second turn asks at 13, is taken at
    # 18, and the third asks at 21. The second session asks at 20, is taken at 25, and asks again at 28.
    limits = {"requests_per_minute": 12, "burst_s": 5}
    retries = {"first_s": 5, "longest_s": 5, "jitter": False}
    talk = CHAT | {"sessions": {"turns": 3, "think_s": 1}}
    plan = {"api": BY_API["api"] | {"limits": limits, "retries": retries}}
    assert table(*came(experiment(plan, seconds=29.5, engine=engine, chat=talk))) == {
        (0, 0): (10, 12, API),
        (0, 1): (13, 20, API),
        (0, 2): (21, pytest.approx(-1e-6), NOT_STARTED),
        (1, 0): (20, 27, API),
        (1, 1): (28, pytest.approx(-1e-6), NOT_STARTED),
    }


def test_a_turn_that_never_ended_is_the_last():
    # One seat: the second session waits for the first until the clock stops.
    requests, rows = came(experiment(node(max_num_seqs=1, token_budget=9), seconds=20.5, chat=CHAT))
    assert table(requests, rows) == {(0, 0): (10, 21, HELD), (1, 0): (20, pytest.approx(-1e-6), NOT_STARTED)}


def test_the_study_counts_turns():
    talk = CHAT | {
        "arrivals": {"law": "poisson", "rate_per_second": 2},
        "sessions": {"turns": {"law": "geometric", "mean": 3}, "think_s": 0},
    }
    fast = {"api": PRICES | {"ttft_s": 0, "seconds_per_output_token": 0}}
    ready = experiment(fast, seconds=500, chat=talk)
    assert ready.jobs_expected == pytest.approx(3000)
    requests, _ = came(ready, range(30))
    counts = np.diff(requests.offsets)
    # A session of geometric turns: variance of turns 6, so that of the sum is 1000 x (6 + 9).
    assert abs(counts.mean() - 3000) < 5 * np.sqrt(15_000 / 30)
    assert abs(counts.mean() - 1.1 * 3000) > 5 * np.sqrt(15_000 / 30)  # negative control
    drawn = ready.work(range(30)).requests[("chat",)]
    assert all((getattr(drawn, name) == getattr(requests, name)).all() for name in COLUMNS)


@pytest.mark.parametrize(
    ("turns", "before"),
    [(3, 1), (1, 0), ({"law": "geometric", "mean": 3}, 2), ({"law": "empirical", "values": [1, 3]}, 0.75)],
    ids=str,
)
def test_means_count_turns_and_what_they_repeat(turns, before):
    # Empirical: as many sessions of 1 turn as of 3, so of four turns two have 0 before them, one 1, one 2.
    law = Sessions(turns=turns, think_s=0)
    assert law.mean_before == pytest.approx(before)
    chat = experiment(
        BY_API, chat=CHAT | {"sessions": {"turns": turns, "think_s": 0}, "cached_share": 0.4}
    ).scenario.chats["chat"]
    assert chat.mean_tokens == pytest.approx((5 + 16 * before, 11))
    assert chat.mean_cached == pytest.approx(16 * before + 0.4 * 5 / law.mean_turns)


def test_sessions_are_the_same_in_whatever_company():
    talk = CHAT | {
        "arrivals": {"law": "poisson", "rate_per_second": 0.5},
        "sessions": {"turns": {"law": "geometric", "mean": 3}, "think_s": {"law": "exponential", "mean": 2}},
        "output_tokens": {"law": "geometric", "mean": 20},
        "adapters": {"count": 3},
    }
    other = talk | {"sessions": None}
    both = experiment(BY_API, seconds=60, chat=talk, other=other)
    (together, _), (alone, _) = came(both, [2, 0]), came(experiment(BY_API, seconds=60, chat=talk), [0])
    mine = together.offsets[1] + np.flatnonzero(together.job_class[together.offsets[1] :] == 0)
    for name in COLUMNS:
        assert getattr(together, name)[mine].tolist() == getattr(alone, name).tolist()
    adapters = dict(zip(alone.turns.session.tolist(), alone.adapter.tolist(), strict=True))
    assert [adapters[session] for session in alone.turns.session.tolist()] == alone.adapter.tolist()
    assert len(set(adapters.values())) == 3
    assert set(together.turns.session[together.job_class == 1].tolist()) == {-1}


def test_an_engine_that_looks_ahead_is_found_out():
    ready = experiment(BY_API, chat=CHAT)
    coming = [Coming(ready.work(range(1)).requests[("chat",)], None)]
    calls = []

    def serve(places, pools):
        calls.append(1)
        rows = RequestRows.empty(len(pools[0].requests), len(places), 1)
        end = pools[0].requests.arrival + len(calls) % 2 + 1
        return [replace(rows, end=end, outcome=np.full(len(end), API))]

    with pytest.raises(RuntimeError, match="do not settle"):
        served_turns(coming, serve, 1, ready.closes)
    assert len(calls) == 2 * 6 + 3


# Random worlds


class Users:
    """Users who come back inside the clock of SimPy: who has an answer thinks, and asks again."""

    def __init__(self, rules, requests, api, rows):
        self.router, self.requests, self.rows = Router(rules, api, [], rows), requests, rows
        self.turns = requests.turns or Turns.none(len(requests))
        self.env, self.closes, self.frontend = self.router.env, int(rules.edges[-1]), rules.frontend
        self.waiting, self.asked, self.open, self.arrival = [], [], [], np.full(len(requests), -1)
        for replica in self.router.replicas:
            replica.after_iteration = self.look

    def key(self, row):
        """The order of one instant."""
        return (int(self.requests.job_class[row]), int(self.turns.session[row]), int(self.turns.turn[row]), row)

    def ask(self, row, instant):
        """Let a request come."""
        if instant < self.closes:
            heapq.heappush(self.waiting, (instant, *self.key(row)))
            self.env.process(self.arrive(instant))

    def arrive(self, instant):
        """Route the first of those that come now."""
        yield Moment(self.env, instant * FINE, ARRIVAL)
        *_, row = heapq.heappop(self.waiting)
        self.arrival[row] = instant
        request = replace(Request.of(row, self.requests), arrival=instant * FINE)
        self.asked.append(request)
        self.open.append(request)
        self.router.route(request)
        if self.rows.outcome[row] == API:
            self.answered(row, int(self.rows.end[row]))

    def look(self):
        """See whose requests have ended."""
        ended = [request for request in self.open if request.end >= 0]
        self.open = [request for request in self.open if request.end < 0]
        for request in ended:
            self.answered(request.id, microseconds(request.end) + self.frontend)

    def answered(self, row, instant):
        """Let the user think, and ask again."""
        later = row + 1
        if later < len(self.requests) and self.turns.turn[later] > 0:
            assert self.turns.session[later] == self.turns.session[row]
            self.ask(later, instant + int(self.turns.think[later]))

    def live(self):
        """Let everybody come who begins."""
        for row in np.flatnonzero(self.turns.turn == 0).tolist():
            self.ask(row, int(self.requests.arrival[row]))
        self.router.run([])
        for request in self.asked:
            self.router.write(request)


def random_world(number) -> Experiment:
    """Sessions and single requests on a small fleet with an API to overflow to, often with ties."""
    rng = np.random.default_rng([5, number])
    whole = number % 2 == 0
    think = int(rng.integers(0, 4)) if whole else {"law": "exponential", "mean": float(rng.choice([0.01, 1, 5]))}
    steady = {"law": "deterministic", "mean_hours": int(rng.integers(2, 9)) / 3600}
    talk = {
        "kind": "inference",
        "arrivals": steady if whole else {"law": "poisson", "rate_per_second": float(rng.choice([0.1, 0.3, 1]))},
        "prompt_tokens": {"law": "geometric", "mean": 4},
        "output_tokens": {"law": "geometric", "mean": 3},
        "sessions": {
            "turns": {"law": "geometric", "mean": float(rng.choice([1.5, 4]))},
            "think_s": think,
            "history": bool(rng.random() < 0.5),
        },
        "cached_share": float(rng.choice([0, 0.5])),
    }
    other = talk | {"sessions": None, "arrivals": {"law": "poisson", "rate_per_second": 0.2}}
    seats = int(rng.choice([1, 2, 4]))
    plan = node(
        base_ms=int(rng.choice([250, 500, 1000])),
        per_request_ms=0 if whole else 37.3,
        per_prefill_token_us=0 if whole else 1234.5,
        per_kv_token_us=0 if whole else 987.6,
        kv_tokens=int(rng.choice([15, 30, 200])),
        max_num_seqs=seats,
        token_budget=seats + int(rng.choice([0, 3, 50])),
        join_lag=int(rng.random() < 0.3),
        frontend_ms=float(rng.choice([0, 7])),
        overflow_above=int(rng.choice([1, 3, 9])),
    )
    plan["held"]["gpu"]["nodes"] = int(rng.choice([1, 2]))
    plan["api"] = PRICES | {
        "ttft_s": float(rng.choice([0, 1])),
        "seconds_per_output_token": float(rng.choice([0, 0.5])),
    }
    return experiment(plan, 60, seed=number, talk=talk, other=other)


WORLDS = 60


@pytest.fixture(scope="module")
def lived():
    """Each random world, and what its users lived through: requests in the order drawn, instants, rows."""
    found = []
    for number in range(WORLDS):
        ready = random_world(number)
        [pool] = ready.pools["plan"]
        # Drawn class by class, so that the turns of a session stand one after the other.
        drawn = ready.work([0]).requests[pool.classes]
        order = np.lexsort((drawn.turns.turn, drawn.turns.session, drawn.job_class))
        times = api_times(ready.scenario, ready.scenario.plans["plan"], ready.seed, [0], drawn)
        coming = Coming(drawn, times).at(order, drawn.offsets, drawn.arrival[order])
        rows = RequestRows.empty(len(drawn), 1, len(ready.edges) - 1)
        users = Users(pool.replicas, coming.requests, coming.times, rows)
        users.live()
        found.append((ready, coming.requests, users.arrival, rows))
    return found


INSTANTS = ("start", "first_token", "end", "replica", "outcome", "preempted", "gpu_time")


def differing(ready, drawn, arrival, rows) -> bool:
    """Whether the study tells anything else than the users lived through."""
    requests, found = came(ready)
    there = np.flatnonzero(arrival >= 0)
    order = there[
        np.lexsort((drawn.turns.turn[there], drawn.turns.session[there], drawn.job_class[there], arrival[there]))
    ]
    if len(order) != len(requests) or (arrival[order] != requests.arrival).any():
        return True
    columns = [name for name in COLUMNS if name != "arrival"]
    alike = all((getattr(drawn, name)[order] == getattr(requests, name)).all() for name in columns)
    return not alike or any((getattr(rows, name)[order] != getattr(found, name)).any() for name in INSTANTS)


def test_users_who_come_back_inside_the_clock_live_through_the_same(lived):
    later = sum(int(((arrival >= 0) & (drawn.turns.turn > 0)).sum()) for _, drawn, arrival, _ in lived)
    outcomes = np.concatenate([rows.outcome[arrival >= 0] for _, _, arrival, rows in lived])
    preempted = sum((rows.preempted > 0).any() for *_, rows in lived)
    assert later > 500
    assert {API, HELD, NOT_STARTED} <= set(outcomes.tolist())
    assert preempted > WORLDS // 10
    assert [number for number, each in enumerate(lived) if differing(*each)] == []


def test_so_they_do_with_simpy_inside(lived):
    assert not any(differing(replace(ready, engine="simpy"), *others) for ready, *others in lived[:6])


def test_an_instant_more_of_thought_is_seen(lived):  # negative control
    ready, drawn, arrival, rows = lived[1]
    assert not differing(ready, drawn, arrival, rows)
    assert differing(ready, drawn, arrival + (drawn.turns.turn == 1), rows)


def test_replications_settle_apart():
    ready = random_world(1)
    whole, rows = came(ready, range(5))
    for number in range(5):
        mine = slice(*whole.offsets[number : number + 2])
        alone, its = came(ready, [number])
        assert alone.arrival.tolist() == whole.arrival[mine].tolist()
        assert its.end.tolist() == rows.end[mine].tolist()


# Refusals


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"sessions": {"turns": 1.5, "think_s": 1}}, "sessions must have turns of whole numbers >= 1"),
        ({"sessions": {"turns": {"law": "empirical", "values": [0]}, "think_s": 1}}, "turns of whole numbers >= 1"),
        ({"sessions": {"turns": 2, "think_s": -1}}, "sessions.think_s"),
        ({"sessions": {"turns": 2, "think": 1}}, "think is not a key here; did you mean `think_s`"),
        ({"sessions": {"turns": 2, "think_s": 1, "history": 1}}, "sessions.history"),
        (
            {"sessions": {"turns": 2, "think_s": 1}, "arrivals": None, "requests": []}
            | {"prompt_tokens": None, "output_tokens": None},
            "must have `arrivals` of its sessions, because requests that are listed are no turns",
        ),
    ],
    ids=str,
)
def test_refusals_in_their_words(changed, refusal):
    with pytest.raises(InputError) as refused:
        experiment(BY_API, chat=CHAT | changed)
    assert any(refusal in str(fault) for fault in refused.value.faults), refused.value.faults
