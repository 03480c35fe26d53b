"""Files of theory cases for the tests of `verify`."""

from sim.questions.verify.cases import read_cases

CASE = """
- id: two_gpus
  source: Erlang (1917)
  formula: 1/B(k) = 1 + k/(a B(k-1))
  scenario:
    horizon_days: 500
    warm_up_days: 5
    workload:
      jobs:
        kind: fine_tune
        arrivals: {law: poisson, rate_per_day: 24}
        service_hours: {law: exponential, mean: 2}
    plans:
      fleet:
        held: {gpu: {gpus: 1, nodes: 2, usd_per_node_h: 3}}
        api: {usd_per_job: 7}
        queue_limit: 0
  replications: 60
  expect:
    - {key: plans.fleet.classes.jobs.api_share, value: 0.4, kind: mean}
    - {key: plans.fleet.utilization.allocated, value: 0.6, kind: mean}
    - {key: probes.fleet.fleet.api_mean, value: 0.8, kind: mean}
    - {key: plans.fleet.gpu_hours.paid, value: 23760, kind: exact}
"""


def cases(tmp_path, text):
    """Write a file of cases."""
    file = tmp_path / "cases.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def case(tmp_path, text=CASE):
    """Read a file of one case."""
    return read_cases([cases(tmp_path, text)]).cases[0]
