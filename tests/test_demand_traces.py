"""Public traces: the scenario written for each, simulated, has the trace's rate, dispersion, lengths and widths.

Skipped where the traces are not beside the checkout nor in FLEETECON_DATA.
"""

import math

import numpy as np
import pytest

from sim.engine.workload import listed_jobs, listed_requests, sample, sample_requests
from sim.ground.scenario import load
from sim.ground.units import TICKS_PER_HOUR, TICKS_PER_SECOND, tick
from sim.questions.demand import Told, learn
from sim.questions.demand.trial import ARRIVALS
from sim.questions.demand.windows import FEWEST_WINDOWS, JUDGED, NO_WINDOWS, Windows
from sim.questions.fit.validate import data_folder

DATA = data_folder()
FEW = 400_000
TRACES = {
    "azure": ("inference/azure_llm_2023/azure_llm_2023_conv.csv.gz", "one switching rate", 60),
    "conversation": ("inference/mooncake/mooncake_conversation.csv.gz", None, 80),
    "synthetic": ("inference/mooncake/mooncake_synthetic.csv.gz", "Poisson", 200),
    "philly": ("jobs/philly/philly_jobs.csv.gz", "two switching rates", 24),
}
LENGTHS = (50, 95, 99)


def trace(name):
    """The file of a trace, or a skip."""
    file = None if DATA is None else DATA / name
    if file is None or not file.is_file():
        pytest.skip("the trace is not beside the checkout nor in FLEETECON_DATA")
    return file


def pooled(paths, horizon):
    """Windows of all paths, by scale."""
    every = dict.fromkeys(JUDGED, NO_WINDOWS)
    for arrival in np.split(paths.arrival, paths.offsets[1:-1]):
        windows = Windows(0)
        windows.add(arrival)
        windows.add(np.array([horizon]))
        every = {scale: every[scale] + windows.moments(scale) for scale in JUDGED}
    return every


@pytest.mark.parametrize("name", TRACES)
def test_the_written_scenario_reproduces_the_trace(name, tmp_path):
    file, taken, replications = TRACES[name]
    learned = learn(trace(file), Told(), arrivals=FEW if name != "philly" else ARRIVALS)
    assert (learned.choice.taken.name if learned.choice.taken else None) == taken
    scenario = load(learned.write(tmp_path, name, 0, draw=False)[0])
    horizon, sketch = tick(scenario.horizon_hours), learned.found.sketch
    if learned.found.read.is_jobs:
        paths = sample(scenario, 1, range(replications), listed_jobs(scenario))
    else:
        paths = sample_requests(scenario, 1, range(replications), listed_requests(scenario))

    counts = np.diff(paths.offsets)
    rate, error = counts.mean() / horizon, counts.std(ddof=1) / math.sqrt(replications) / horizon
    true = sketch.count / sketch.seconds / TICKS_PER_SECOND
    assert abs(rate / true - 1) < 0.01 + 4 * error / true
    if taken:  # and without any noise
        law = scenario.workload[next(iter(scenario.workload))].arrivals
        expected = law.jobs_expected(scenario.horizon_hours) / scenario.horizon_hours / TICKS_PER_HOUR
        assert expected == pytest.approx(true, rel=1e-3)

    for scale, made in pooled(paths, horizon).items():
        log = sketch.windows.moments(scale)
        if log.windows >= FEWEST_WINDOWS:
            assert made.idc == pytest.approx(log.idc, rel=0.25), scale

    if learned.found.read.is_jobs:
        hours, shares = paths.service * paths.gpus, learned.found.read.widths.shares
        for width in (1, 2, 4, 8, 16, 32):
            rounded = sum(share for w, share in shares.items() if w == width or (w > 8 and -(-w // 8) * 8 == width))
            assert hours[paths.gpus == width].sum() / hours.sum() == pytest.approx(rounded, abs=0.03)
        made = {"service_hours": paths.service / TICKS_PER_HOUR}
    else:
        made = {"prompt": paths.prompt, "output": paths.output}
    for size, values in made.items():
        for percent in LENGTHS:
            log = learned.found.sizes[size].quantiles[percent].value
            assert np.quantile(values, percent / 100) == pytest.approx(log, rel=0.05), (size, percent)


def test_a_trace_of_poisson_written_for_azure_fails(tmp_path):
    learned = learn(trace(TRACES["azure"][0]), Told(), arrivals=FEW)
    poisson = learned.choice.judged[0]
    assert poisson.name == "Poisson"
    assert set(poisson.distance.missed) == {1.0, 10.0, 60.0, 300.0}


@pytest.mark.parametrize("model", ["m-large", "deepseek-r1"])
def test_rates_of_servegen_as_far_as_they_go(model, tmp_path):
    file = trace("inference/servegen/servegen_total_rate_600s.csv.gz")
    learned = learn(file, Told(), {"model": model})
    taken = learned.taken
    assert taken.passes
    assert abs(taken.rate_error) < 0.02  # of a simulation of few paths; the law itself:
    law = load(learned.write(tmp_path, "rates", 0)[0]).chats["requests"].arrivals
    hours = taken.log.seconds / 3600
    assert law.jobs_expected(hours) / taken.log.seconds == pytest.approx(taken.log.total.rate.mean(), rel=1e-3)
    for scale in (600.0, 1200.0):
        assert taken.simulated[scale] == pytest.approx(taken.idc[scale], rel=0.25)
