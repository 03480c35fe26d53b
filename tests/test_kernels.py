"""The kernels once as plain Python and once with every index checked: the same tests, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ON_KERNELS = [
    "tests/test_fleet.py",
    "tests/test_api.py",
    "tests/test_money.py",
    "tests/test_estimate.py",
    "tests/test_study.py::test_a_fold_by_hand",
    "tests/test_workload.py::test_draws_in_pieces_equal_draws_at_once",
    "tests/test_arrivals.py::test_a_schedule_through_a_pattern_by_hand",
    "tests/test_arrivals.py::test_the_time_change_is_the_inverse_of_the_cumulated_rate",
    "tests/test_arrival_states.py::test_states_last_as_long_as_stated_and_lead_where_they_should",
    "tests/test_arrivals.py::test_a_shorter_horizon_gives_the_first_of_the_same_arrivals",
    "tests/test_requests.py::test_a_blend_in_pieces_and_with_other_weights_and_means_keeps_its_draws",
    "tests/test_log_reader.py::test_the_compiled_grammar_is_that_of_python",
    "tests/test_requests.py::test_lengths_are_rounded_and_at_least_1",
    "tests/test_serving.py",
    "tests/test_serving_worlds.py",
    "tests/test_streams.py::test_pieces_give_the_rows_of_the_whole",
    "tests/test_money_requests.py",
    "tests/test_money_elastic.py",
    "tests/test_money_adds_up.py",
    "tests/test_elastic.py",
]
MODES = {
    "NUMBA_DISABLE_JIT": (),
    # Compiling is what takes long here, so without what the tests themselves compile: the plain loop and its faults.
    "NUMBA_BOUNDSCHECK": ("-k", "not (test_serving and (plain or find or compared))"),
}
OUT_OF_RANGE = """
import numpy as np
from sim.ground.compiled import kernel

@kernel
def beyond(values, place):
    return values[place]

beyond(np.zeros(3, np.int64), 5)
"""


def start(tmp_path, mode: str, *arguments: str) -> subprocess.Popen:
    """Start Python with a mode of numba and a cache of its own."""
    # Compiled as quickly as may be: the tests run a few seconds, what they run is compiled for a minute.
    own = {"NUMBA_CACHE_DIR": str(tmp_path / mode), "PYTHONPATH": str(ROOT), "NUMBA_OPT": "0", mode: "1"}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("NUMBA_", "PYTEST_"))} | own
    command = [sys.executable, *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_kernels_in_other_modes(tmp_path):
    tests = ("-m", "pytest", "-p", "no:cacheprovider", *ON_KERNELS)
    started = {mode: start(tmp_path, mode, *tests, *picked) for mode, picked in MODES.items()}
    told = {mode: process.communicate(timeout=900)[0] for mode, process in started.items()}
    for mode, process in started.items():
        assert process.returncode == 0, f"{mode}: {told[mode]}"
        assert " passed" in told[mode]
        assert "skipped" not in told[mode]


def test_a_wrong_index_is_found_in_these_modes(tmp_path):  # negative control
    (tmp_path / "beyond.py").write_text(OUT_OF_RANGE)
    for mode in MODES:
        process = start(tmp_path, mode, str(tmp_path / "beyond.py"))
        assert "IndexError: " in process.communicate(timeout=60)[0]
        assert process.returncode == 1
