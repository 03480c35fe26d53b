"""What must hold whatever is simulated: money, jobs and GPU time are conserved, waits are possible, paths are shared.

Each check returns how many things it looked at and how many of them broke the rule.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sim.engine import fleet
from sim.engine.money import LINES
from sim.ground.jobs import API, FAILED, HELD, HIRED, NOT_STARTED, REFUSED, Paths, Rows
from sim.ground.requests import RequestRows, Requests
from sim.ground.units import Floats
from sim.questions.verify import api_worlds, timelines, window_sums
from sim.questions.verify.samples import ELASTIC, METERED, MIXED, SCENARIO, SCENARIOS, scenario
from sim.questions.verify.worlds import world
from sim.study.outcome import Outcome
from sim.study.pieces import run_piece
from sim.study.pools import Pool
from sim.study.simulate import Experiment
from sim.study.study import run

_CLOSE: Final = 1e-9
_REPLICATIONS: Final = range(20)
_OUTCOMES: Final = (NOT_STARTED, HELD, API, REFUSED, FAILED)
Found = tuple[int, int]


def _broken(values: Floats, others: Floats) -> Found:
    """Count the pairs that differ by more than rounding."""
    return len(values), int(np.count_nonzero(np.abs(values - others) > _CLOSE * np.abs(others)))


def _sum(found: list[Found]) -> Found:
    """Add up what several checks found."""
    return sum(each[0] for each in found), sum(each[1] for each in found)


def _outcomes(values: dict[str, Any] = SCENARIO, **settings: Any) -> dict[str, Outcome]:
    """Run a scenario."""
    return run_piece(Experiment.of(scenario(values, **settings), 5), _REPLICATIONS)


def _all_outcomes(**settings: Any) -> list[Outcome]:
    """Run every scenario under each of its plans."""
    return [outcome for values in SCENARIOS for outcome in _outcomes(values, **settings).values()]


def _requests_served() -> list[tuple[Pool, Requests, RequestRows]]:
    """Serve the requests of the mixed scenario, and of that with accounts, under each plan."""
    found = []
    for values in (MIXED, METERED):
        ready = Experiment.of(scenario(values), 5)
        work = ready.work(_REPLICATIONS)
        found += [each for name in ready.fleets for each in ready.served(name, work).requests]
    return found


def _per_replication(requests: Requests, values: npt.NDArray[Any]) -> Floats:
    """Sum values of requests in each replication."""
    replication = np.repeat(np.arange(requests.replications), np.diff(requests.offsets))
    return np.asarray(np.bincount(replication, values, requests.replications))


def _served(**settings: Any) -> list[tuple[Experiment, str, Paths, Any, Rows]]:
    """Serve the scenario's paths under each plan."""
    ready = Experiment.of(scenario(**settings), 5)
    paths = ready.paths(_REPLICATIONS)
    return [(ready, name, paths, *ready.rows(name, paths, _REPLICATIONS)) for name in ready.fleets]


def lines_sum_to_the_bill() -> Found:
    """Each bill's lines, one by one, sum to its total as the estimates state it."""
    found = []
    for values in SCENARIOS:
        for each in run(scenario(values), 5).result["plans"].values():
            lines = [line.value for name, line in each["bill_usd"].items() if name != "total"]
            found.append(_broken(np.array([sum(lines)]), np.array([each["bill_usd"]["total"].value])))
    return _sum(found)


def jobs_carry_the_bill() -> Found:
    """Fully loaded costs of all jobs sum to the bill, by GPU time and equally."""
    return _sum(
        [
            _broken(outcome.total("fully_loaded"), outcome.bills)
            for rule in ("gpu_time", "equal")
            for values, window in ((SCENARIO, 7), (MIXED, 0.03), (ELASTIC, 0.4), (METERED, 0.015))
            for outcome in _outcomes(values, allocation__rule=rule, allocation__window_days=window).values()
            if (outcome.total("jobs") > 0).all()
        ]
    )


def the_platform_carries_what_is_shared() -> Found:
    """Where nothing is shared out, jobs carry what they caused: the bill less idle, staff, overhead, the uncounted."""
    found = []
    shared = [LINES.index(line) for line in ("held_idle", "staff", "overhead")]
    outcomes = {**_outcomes(MIXED, allocation__rule="platform", warm_up_days=0)}
    metered = _outcomes(METERED, allocation__rule="platform", warm_up_days=0)
    outcomes |= {f"metered {plan}": outcome for plan, outcome in metered.items()}
    for plan, outcome in outcomes.items():
        own = outcome.total("fully_loaded")
        found.append(_broken(own, outcome.bills - outcome.lines[:, shared].sum(axis=1)))
        if plan != "chat_only":  # there, rented nodes round up to the second
            found.append(_broken(own, outcome.total("attributed")))
    return _sum(found)


def windows_move_no_mean() -> Found:
    """Another window of allocation moves neither the bill nor the sum of what jobs cost."""
    pairs = []
    for values, short, long in ((SCENARIO, 3, 55), (MIXED, 0.01, 0.088), (ELASTIC, 0.2, 1.75), (METERED, 0.01, 0.044)):
        narrow, wide = (_outcomes(values, allocation__window_days=window) for window in (short, long))
        pairs += [(narrow[name], wide[name]) for name in narrow]
    return _sum(
        [_broken(a.bills, b.bills) for a, b in pairs]
        + [_broken(a.total("attributed"), b.total("attributed")) for a, b in pairs]
        + [_broken(a.total("fully_loaded"), b.total("fully_loaded")) for a, b in pairs if b.total("jobs").all()]
    )


def every_job_has_one_outcome() -> Found:
    """Each job is served by the hour it was handed over, or not started: nothing between, nothing twice."""
    found = []
    for _, _, paths, _, rows in _served():
        started = (rows.start >= paths.arrival) & (rows.end >= rows.start)
        none = (rows.start == -1) & (rows.end == -1) & (rows.node == -1)
        known = np.isin(rows.outcome, (NOT_STARTED, HELD, HIRED, API))
        right = known & np.where(rows.outcome == NOT_STARTED, none, started)
        numbered = (HELD,) if rows.stints is None else (HELD, HIRED)  # a node of its own has no number
        right &= (rows.node >= 0) == np.isin(rows.outcome, numbered)
        found.append((len(paths), int(np.count_nonzero(~right))))
    return _sum(found)


def sums_count_every_job() -> Found:
    """Jobs held, hired, handed over and not started sum to the jobs that arrived."""
    found = []
    for name, outcome in _outcomes().items():
        at_once = outcome.total("waits") - outcome.total("api") if name == "on_demand" else outcome.total("waits_held")
        found.append(_broken(at_once + outcome.total("api") + outcome.total("not_started"), outcome.total("jobs")))
    return _sum(found)


def allocated_within_paid() -> Found:
    """GPU time given to jobs never exceeds GPU time paid for."""
    pairs = [(each.allocated, each.paid) for each in _all_outcomes()]
    return _sum([(len(given), int(np.count_nonzero(given > paid * (1 + _CLOSE)))) for given, paid in pairs])


def _most_in_use(paths: Paths, rows: Rows) -> Floats:
    """Find the most GPUs that run at one instant, in each replication."""
    most = np.zeros(paths.replications)
    for r in range(paths.replications):
        part = slice(int(paths.offsets[r]), int(paths.offsets[r + 1]))
        held = rows.outcome[part] == HELD
        gpus = paths.gpus[part][held]
        times = np.concatenate((rows.end[part][held], rows.start[part][held]))  # at one instant ends come first
        order = np.argsort(times, kind="stable")
        most[r] = np.cumsum(np.concatenate((-gpus, gpus))[order]).max(initial=0)
    return most


def fleet_is_never_over_full() -> Found:
    """At no instant do more GPUs run than the fleet has."""
    found = []
    for ready, name, paths, _, rows in _served():
        if gpus := ready.fleets[name].nodes * ready.fleets[name].gpus_per_node:
            most = _most_in_use(paths, rows)
            found.append((len(most), int(np.count_nonzero(most > gpus))))
    return _sum(found)


def _over_full_node(paths: Paths, rows: Rows, size: int) -> Found:
    """Sweep each node: jobs that fit one node never hold more of it than it has."""
    looked = over = 0
    single = (rows.outcome == HELD) & (paths.gpus <= size)
    replication = np.repeat(np.arange(paths.replications), np.diff(paths.offsets))
    place = replication * (rows.node.max(initial=0) + 1) + rows.node
    for node in np.unique(place[single]):
        here = single & (place == node)
        gpus = paths.gpus[here]
        order = np.argsort(np.concatenate((rows.end[here], rows.start[here])), kind="stable")
        looked += 1
        over += bool(np.cumsum(np.concatenate((-gpus, gpus))[order]).max(initial=0) > size)
    return looked, over


def no_node_is_over_full() -> Found:
    """At no instant do the jobs of one node hold more GPUs than it has."""
    return _sum(
        [
            _over_full_node(paths, rows, ready.fleets[name].gpus_per_node)
            for ready, name, paths, _, rows in _served()
            if ready.fleets[name].nodes
        ]
    )


def waits_are_within_patience() -> Found:
    """No wait is negative or longer than the job's patience; who leaves the queue leaves at its end or at once."""
    found = []
    for _, _, paths, terms, rows in _served():
        started = rows.outcome != NOT_STARTED
        wait = (rows.start - paths.arrival)[started]
        patience = terms.patience[started]
        broken = (wait < 0) | (wait > patience)
        broken |= (rows.outcome[started] == API) & (wait != 0) & (wait != patience)
        found.append((len(wait), int(np.count_nonzero(broken))))
    return _sum(found)


def more_nodes_never_wait_longer() -> Found:
    """With jobs of one GPU, one class and no way out, one more node makes no job start later."""
    looked = broken = 0
    for number in range(100):
        each = world(number)
        count = len(each.paths)
        paths = replace(each.paths, gpus=np.ones(count, np.int64), priority=np.zeros(count, np.int64))
        starts = []
        for more in (0, 1):
            rules = replace(each.fleet, nodes=each.fleet.nodes + more, queue_limit=2**62, backfill=False)
            terms = replace(each.terms, patience=np.full(count, 2**62))
            rows = fleet.serve(rules, paths, terms)
            starts.append(np.where(rows.start < 0, 2**62, rows.start))
        looked += count
        broken += int(np.count_nonzero(starts[1] > starts[0]))
    return looked, broken


def plans_see_the_same_path() -> Found:
    """Adding a plan or dropping one moves no job: paths hang on the workload and the seed alone."""
    whole = Experiment.of(scenario(), 5)
    paths = whole.paths(_REPLICATIONS)
    looked = broken = 0
    for name, plan in whole.scenario.plans.items():
        alone = whole.scenario.model_copy(update={"plans": {name: plan}})
        other = Experiment.of(alone, 5).paths(_REPLICATIONS)
        same = len(other) == len(paths) and all(
            np.array_equal(getattr(other, column), getattr(paths, column), equal_nan=column == "tokens")
            for column in ("offsets", "arrival", "service", "gpus", "priority", "job_class", "tokens")
        )
        looked, broken = looked + len(paths), broken + (not same)
    return looked, broken


def every_request_has_one_outcome() -> Found:
    """Each request is served by a replica, by the API, or not: its instants, its GPU time and its replica agree."""
    found = []
    for pool, requests, rows in _requests_served():
        arrival, start, first, end = requests.arrival, rows.start, rows.first_token, rows.end
        ordered = (start >= arrival) & (first >= start) & (end >= first)
        by_replica = ordered & (rows.replica >= 0) & (rows.gpu_time >= 0) & (rows.preempted >= 0)
        nothing = (rows.replica == -1) & (rows.gpu_time == 0) & (rows.preempted == 0)
        by_api = ordered & nothing & ((start == arrival) | (rows.tries is not None))
        none = nothing & (start == -1) & (first == -1) & (end == -1)
        right = np.choose(np.searchsorted(_OUTCOMES, rows.outcome), [none, by_replica, by_api, none, none], mode="clip")
        right &= np.isin(rows.outcome, _OUTCOMES)
        if pool.replicas is not None:
            right &= rows.replica < pool.replicas.count
        found.append((len(requests), int(np.count_nonzero(~right))))
    return _sum(found)


def requests_share_the_busy_time() -> Found:
    """GPU times of the requests sum to the GPU time in which replicas were busy."""
    return _sum(
        [
            _broken(_per_replication(requests, rows.gpu_time), rows.busy.sum(axis=1) * pool.replicas.gpus)
            for pool, requests, rows in _requests_served()
            if pool.replicas is not None
        ]
    )


def busy_within_windows() -> Found:
    """No window is busier than its replicas are many, and batches lie between one request and all seats."""
    looked = broken = 0
    for pool, _, rows in _requests_served():
        if (rules := pool.replicas) is not None:
            busy = rows.busy.sum(axis=1)
            over = rows.busy > np.diff(rules.edges) * rules.count * (1 + _CLOSE)
            odd = (rows.batch_time < busy * (1 - _CLOSE)) | (rows.batch_time > busy * rules.max_num_seqs * (1 + _CLOSE))
            looked += rows.busy.size + len(busy)
            broken += int(np.count_nonzero(over) + np.count_nonzero(odd))
    return looked, broken


def _share_within(since: npt.NDArray[Any], until: npt.NDArray[Any], opens: int, closes: int) -> Floats:
    """Share of spans that lies in the counted time; of instants, whether they do."""
    inside = np.clip(until, opens, closes) - np.clip(since, opens, closes)
    at_once = (since >= opens) & (since < closes)
    return np.where(until > since, inside / np.maximum(until - since, 1), at_once)


def _tokens(requests: Requests, rows: RequestRows, opens: int, closes: int) -> tuple[Floats, Floats]:
    """Tokens read and written in the counted time: on replicas evenly over the time it took, at the API at once."""
    held, by_api = rows.outcome == HELD, (rows.outcome == API) & (requests.arrival >= opens)
    reading = _share_within(rows.start, rows.first_token, opens, closes)
    writing = _share_within(rows.first_token, rows.end, opens, closes)
    first = _share_within(rows.first_token, rows.first_token, opens, closes)
    read = requests.prompt * (held * reading + by_api)
    written = held * (first + (requests.output - 1) * writing) + requests.output * by_api
    return read, written


def every_request_and_token_is_counted() -> Found:
    """All requests that came are held, handed over, refused or not started; tokens are those of the counted time."""
    return _sum([each for values in (MIXED, METERED) for each in _counted(Experiment.of(scenario(values), 5))])


def _counted(ready: Experiment) -> list[Found]:
    """Compare requests and tokens of each pool with the sums of its classes."""
    work = ready.work(_REPLICATIONS)
    found = []
    for plan in ready.fleets:
        served = ready.served(plan, work)
        classes = ready.charged(plan, served)[0].classes
        for pool, requests, rows in served.requests:
            its = [classes[name] for name in pool.classes]
            total = {name: np.sum([each.total(name) for each in its], axis=0) for name in its[0].layout.sums}
            counted = requests.arrival >= ready.opens
            read, written = _tokens(requests, rows, ready.opens, ready.closes)
            found += [
                _broken(total["jobs"], _per_replication(requests, counted)),
                _broken(total["held"] + total["api"] + total["not_started"], total["jobs"]),
                _broken(total["prompt_tokens"], _per_replication(requests, read * 1e-6)),
                _broken(total["output_tokens"], _per_replication(requests, written * 1e-6)),
            ]
    return found


def plans_see_the_same_requests() -> Found:
    """Under every plan the same requests come at the same instants, whoever serves them together."""
    ready = Experiment.of(scenario(MIXED), 5)
    looked = broken = 0
    columns = ("arrival", "prompt", "output", "adapter")
    for number, name in enumerate(ready.scenario.workload):
        if name in ready.scenario.tunes:
            continue
        seen = []
        for plan in ready.fleets:
            alone = ready.scenario.model_copy(update={"plans": {plan: ready.scenario.plans[plan]}})
            its = Experiment.of(alone, 5).work(_REPLICATIONS).requests
            requests = next(each for classes, each in its.items() if name in classes)
            seen.append([getattr(requests, column)[requests.job_class == number] for column in columns])
        for other in seen[1:]:
            looked += len(other[0])
            broken += not all(np.array_equal(a, b) for a, b in zip(seen[0], other, strict=True))
    return looked, broken


INVARIANTS: Final[tuple[Callable[[], Found], ...]] = (
    lines_sum_to_the_bill,
    jobs_carry_the_bill,
    windows_move_no_mean,
    every_job_has_one_outcome,
    sums_count_every_job,
    allocated_within_paid,
    fleet_is_never_over_full,
    no_node_is_over_full,
    waits_are_within_patience,
    more_nodes_never_wait_longer,
    plans_see_the_same_path,
    the_platform_carries_what_is_shared,
    every_request_has_one_outcome,
    requests_share_the_busy_time,
    busy_within_windows,
    every_request_and_token_is_counted,
    plans_see_the_same_requests,
    *timelines.CHECKS,
    *api_worlds.CHECKS,
    *window_sums.CHECKS,
)
"""All checks; a check's name is its function's."""


def run_invariant(check: Callable[[], Found]) -> dict[str, Any]:
    """Run one check and write its row of the report."""
    checked, broken = check()
    what = (check.__doc__ or check.__name__.replace("_", " ")).partition("\n")[0]
    return {"name": check.__name__, "checked": checked, "pass": broken == 0 and checked > 0, "what": what}
