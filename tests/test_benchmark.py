"""The benchmark: every table has its rows, ratios are of one round, and what is printed is what is kept."""

import functools
import importlib.util
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from drawings import texts, title
from scripts import script

import sim
from sim.ground.faults import HaltedError, InputError
from sim.ground.scenario import load

benchmark = script("benchmark")

from speed import dask, first_call, memory, nodes, processes, replicas, rounds, threads, worlds  # noqa: E402
from speed.machine import in_words, processor  # noqa: E402
from speed.picture import chart, finding, rounded  # noqa: E402
from speed.work import Work  # noqa: E402

TINY = Work(
    rounds=2,
    jobs=2_000,
    requests=400,
    reps=2,
    request_reps=1,
    years=(1, 3),
    streamed=(1_000, 3_000),
    shared=(4, 2),
    cells=2,
    cell_reps=2,
)


def measured(name):
    """A table at its smallest, with how far it told to be, and its text."""
    steps = []
    told = benchmark.TABLES[name].measure(TINY, lambda done, total: steps.append((done, total)))
    assert [done for done, _ in steps] == list(range(1, steps[-1][1] + 1))
    return told, benchmark.TABLES[name].text(told)


@pytest.fixture(scope="module")
def of_nodes():
    return measured("nodes")


@pytest.fixture(scope="module")
def of_replicas():
    return measured("replicas")


@pytest.fixture(scope="module")
def of_memory():
    return measured("memory")


@pytest.fixture(scope="module")
def told(of_nodes, of_replicas):
    """What the picture shows."""
    return {"about": benchmark.about(), **of_nodes[0], **of_replicas[0]}


def cells(text, name):
    """The numbers behind a name, in its row of a table."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name}  ")]
    return [float(each.replace(",", "")) for each in line.removeprefix(name).split()]


def positive(found):
    """Tell whether all numbers in a tree are above zero; there must be some."""
    if isinstance(found, dict):
        found = list(found.values())
    return bool(found) and all(map(positive, found)) if isinstance(found, list) else found > 0


class TestRounds:
    def test_a_ratio_is_of_one_round(self):
        two = [{"kernel": 1.0, "other": 10.0}, {"kernel": 4.0, "other": 8.0}, {"kernel": 2.0, "other": 40.0}]
        row = rounds.medians(two, "ns")["other"]
        assert row == {"ns": 10.0, "times_kernel": [2.0, 10.0, 20.0]}

    def test_wall_and_processor_are_compared_each_with_its_own(self):
        took = rounds.Elapsed
        two = [{"a": took(1.0, 4.0), "b": took(2.0, 4.0)}, {"a": took(2.0, 2.0), "b": took(8.0, 1.0)}]
        row = rounds.elapsed(two, "a")["b"]
        assert row["wall_s"] == 5.0
        assert row["processor_s"] == 2.5
        assert row["wall_ratio"] == [2.0, 3.0, 4.0]
        assert row["processor_ratio"] == [0.5, 0.75, 1.0]

    def test_one_core_is_given_back(self):
        before = os.sched_getaffinity(0)
        with rounds.one_core():
            assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getaffinity(0) == before


class TestNodes:
    def test_each_contestant_has_a_row_with_the_numbers_that_are_kept(self, of_nodes):
        told, text = of_nodes
        assert len(told["rows"]) == 8
        assert positive(told)
        for name, row in told["rows"].items():
            least, middle, most = row["times_kernel"]
            assert least <= middle <= most
            assert cells(text, name) == [round(row["ns_per_job"]), *(round(each, 1) for each in (middle, least, most))]
        assert told["rows"]["kernel"]["times_kernel"] == [1.0, 1.0, 1.0]
        assert f"{told['whole_way_of_jobs_per_s'] / 1e6:.2f} M job-services/s" in text

    def test_all_serve_the_same_queue(self):
        """Waits of plain Python and of SimPy's manual are those of the kernel."""
        fleet_, paths, terms = nodes.mm8(3_000)
        longer = replace(fleet_, horizon=2 * fleet_.horizon)  # to the end of the last
        rows = sim.engine.fleet.serve(longer, paths, terms)
        waits = (rows.start - paths.arrival).mean() / 3.6e9
        told = [(each / 3.6e9).tolist() for each in (paths.arrival, paths.service)]
        assert nodes.plain_python(*told) == pytest.approx(waits, rel=1e-9)
        assert nodes.simpy_resource(*told) == pytest.approx(waits, rel=1e-9)
        assert waits > 0.1

    def test_without_ciw_the_others_are_measured_and_it_is_said(self, of_nodes, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        assert "Ciw" not in nodes.Queue(10).contestants()
        told = {**of_nodes[0], "rows": {name: row for name, row in of_nodes[0]["rows"].items() if name != "Ciw"}}
        assert "Ciw: left out, not installed: pip install 'fleetecon[test]'" in nodes.text(told)
        assert "Ciw:" not in of_nodes[1]


class TestReplicas:
    def test_each_load_has_a_row_with_the_numbers_that_are_kept(self, of_replicas):
        told, text = of_replicas
        assert list(told["serving"]) == [str(load) for load in replicas.LOADS]
        assert positive(told)
        others = ("stepping", "plain loop", "SimPy", "drawing")
        for under, row in told["serving"].items():
            assert list(row) == ["kernel", *others]
            _, middle, best = told["requests_per_s"][under]
            ratios = [round(row[name]["times_kernel"][1], 1) for name in others]
            assert cells(text, under) == [round(middle / 1e6, 2), round(best / 1e6, 2), *ratios]
        assert len(told["whole_way_of_requests_per_s"]) == TINY.rounds


class TestMemory:
    def test_each_run_has_a_row_with_the_numbers_that_are_kept(self, of_memory):
        told, text = of_memory
        assert positive(told)
        for kind, sizes in told["memory"].items():
            small, large = sizes.values()
            for size, row in sizes.items():
                shown = cells(text, f"{kind}, {size}")
                assert shown[:2] == [round(row["jobs"] / 1e6, 2), round(row["peak_bytes"] / 1e6)]
                assert shown[3] == pytest.approx(row["peak_bytes"] / small["peak_bytes"], abs=0.006)
                assert row["jobs_per_s"] == row["jobs"] / row["wall_s"]
            assert large["jobs"] / small["jobs"] == pytest.approx(3, rel=0.15)

    def test_jobs_are_those_that_were_served(self, of_memory):
        study = sim.run(load(sim.ground.files.shipped_scenarios()["article"]), 3, seed=1)
        jobs = sum(outcome.total("jobs").sum() for outcome in study.outcomes.values())
        assert of_memory[0]["memory"]["fine-tunes"]["3 years"]["jobs"] == pytest.approx(jobs)

    def test_bytes_a_job_do_not_hang_on_how_many_there_are(self):
        few, many = memory.memory_per_job(3), memory.memory_per_job(12)
        assert few == pytest.approx(many, rel=0.1)
        assert 50 < many < 1000

    def test_the_long_requests_of_the_real_sizes_are_streamed(self, tmp_path):
        file = tmp_path / "long.yaml"
        for count in (*Work().streamed, *Work.quick().streamed):
            file.write_text(worlds.long_requests(count))
            experiment = sim.study.simulate.Experiment.of(load(file), 1)
            assert sim.study.stream.is_streamed(experiment)
            assert experiment.requests_expected == pytest.approx(count, rel=0.01)


class TestProcesses:
    def test_the_peak_is_that_of_the_command_and_not_of_who_began_it(self):
        """Linux hands the peak of a parent on to what it begins; a bare Python takes 10 MB."""
        held = bytearray(b"x") * 400_000_000
        bare = processes.alone([sys.executable, "-I", "-S", "-c", "print('here')"])
        assert bare.said == "here\n"
        assert 1e6 < bare.peak_bytes < 1e8 < len(held)

    def test_the_peak_holds_what_the_command_held_before_its_end(self):
        command = [sys.executable, "-I", "-S", "-c", "x = bytearray(b'x') * 150_000_000; del x"]
        assert 1.5e8 < processes.alone(command).peak_bytes < 2.5e8

    def test_a_command_that_fails_is_told_with_its_last_words(self):
        with pytest.raises(HaltedError, match=r"nowhere\.yaml: cannot be read"):
            processes.alone(processes.sim_run("nowhere.yaml"))

    def test_a_command_that_is_killed_is_told_with_its_status(self):
        with pytest.raises(HaltedError, match=r"status 137$"):
            processes.alone([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])

    def test_a_process_that_ends_before_its_work_is_told(self):
        with processes.hands(1) as (hand,), pytest.raises(HaltedError, match="ended before"):
            processes.together([(hand, functools.partial(os._exit, 3))])


class TestThreads:
    def test_each_contestant_has_a_row_with_the_numbers_that_are_kept(self):
        told, text = measured("threads")
        count = max(2, rounds.processors())
        assert positive(told)
        for kind in ("fine-tunes", "requests"):
            assert list(told["threads"][kind]) == ["1 thread", f"{count} threads", f"{count} processes"]
            for name, row in told["threads"][kind].items():
                least, middle, most = row["times_as_fast"]
                assert cells(text, f"{kind}, {name}")[2:] == [round(each, 2) for each in (middle, least, most)]
            assert told["threads"][kind]["1 thread"]["times_as_fast"] == [1.0, 1.0, 1.0]

    def test_as_fast_is_more_where_less_time_is_taken(self):
        took = rounds.Elapsed
        two = [{"1 thread": took(4.0, 4.0), "two": took(2.0, 5.0)}, {"1 thread": took(9.0, 9.0), "two": took(9.0, 9.0)}]
        assert threads.faster(two)["two"]["times_as_fast"] == [1.0, 1.5, 2.0]

    def test_all_contestants_do_as_many_replications(self, monkeypatch):
        given = []

        def noted(tasks):
            given.append([work for _, work in tasks])
            return rounds.Elapsed(1.0, 1.0)

        monkeypatch.setattr(threads, "together", noted)
        threads.one_round([1, 2, 3], "requests", 100)
        assert [[each.threads for each in works] for works in given] == [[1], [3], [1, 1, 1]]
        assert [sum(each.reps for each in works) for works in given] == [99, 99, 99]
        assert len({each.seed for each in given[2]}) == 3


class TestDask:
    def test_both_have_a_row_with_the_numbers_that_are_kept(self):
        pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
        told, text = measured("dask")
        assert list(told["dask"]) == [dask.THREADS, dask.WORKERS]
        assert positive(told)
        for name, row in told["dask"].items():
            least, middle, most = row["wall_ratio"]
            ratios = (middle, least, most, row["processor_ratio"][1])
            assert cells(text, name)[2:] == [round(each, 2) for each in ratios]

    def test_without_distributed_it_is_skipped_in_one_line(self, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        told = dask.measure(TINY, lambda done, total: None)
        assert dask.text(told) == "Dask: skipped, `distributed` is not installed: pip install 'fleetecon[cluster]'"


class TestFirstCall:
    KEEPS = (
        "import os, pathlib, sys; folder = pathlib.Path(os.environ['NUMBA_CACHE_DIR']);"
        "open(sys.argv[1], 'a').write(f'{folder} {len(list(folder.iterdir()))}\\n'); (folder / 'kernel').touch()"
    )

    def test_each_first_call_finds_an_empty_folder_and_the_warm_one_what_it_left(self, tmp_path):
        log = tmp_path / "log.txt"
        command = [sys.executable, "-I", "-S", "-c", self.KEEPS, str(log)]
        found = first_call.compared({"a": command, "b": command}, 2, lambda done, total: None)
        seen = [line.rsplit(" ", 1) for line in log.read_text().splitlines()]
        assert [number for _, number in seen] == ["0", "1"] * 4
        assert len({folder for folder, _ in seen}) == 4
        assert not any(Path(folder).exists() for folder, _ in seen)
        assert [list(pair) for pair in found.values()] == [["first", "warm"]] * 2
        text = first_call.text({"first_call": found})
        _, middle, _ = found["b"]["first"]["processor_ratio"]
        assert cells(text, "run b, first")[2] == round(middle, 1)

    def test_the_scenarios_are_there(self):
        assert all(Path(file).is_file() for work in (Work(), Work.quick()) for file in work.files().values())


class TestPicture:
    def test_it_says_the_finding_and_names_each_contestant_at_its_mark(self, told):
        figure = chart(told)
        assert title(figure) == finding(told)
        said = texts(figure)
        names = [*told["rows"], *next(iter(told["serving"].values()))]
        assert all(name in said for name in names)
        ratio = told["rows"]["SimPy, Resource"]["times_kernel"][1]
        assert f"{rounded(ratio)} x" in said
        assert finding(told).startswith(f"A job takes SimPy {rounded(ratio)} times as long as the kernel, Ciw ")
        assert in_words(told["about"]) in said

    def test_of_replicas_alone_it_says_what_they_are_held_against(self, told):
        alone = {key: each for key, each in told.items() if key != "rows"}
        assert finding(alone).startswith("A request takes SimPy ")
        assert finding(alone).endswith(" times as long as the kernel")
        assert len(chart(alone).axes) == 1

    def test_marks_stand_at_what_was_measured(self, told):
        upper, lower = chart(told).axes
        for axes, name, wanted in (
            (upper, "Ciw", [told["rows"]["Ciw"]["ns_per_job"]]),
            (lower, "SimPy", [row["SimPy"]["ns_per_request"] for row in told["serving"].values()]),
        ):
            (line,) = [line for line in axes.lines if line.get_label() == name]
            assert list(line.get_xdata()) == wanted
            assert axes.get_xscale() == "log"

    def test_it_is_told_apart_without_colours(self, told):
        upper = chart(told).axes[0]
        looks = {line.get_label(): (line.get_marker(), line.get_markerfacecolor()) for line in upper.lines}
        assert looks["kernel"][0] != looks["Ciw"][0]
        assert looks["drawing alone (2 exponentials)"][1] == "white" != looks["Ciw"][1]

    def test_without_nodes_and_replicas_there_is_none(self, told):
        assert chart({"about": told["about"], "memory": {}}) is None


def test_the_processor_is_named_where_the_machine_names_it(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nmodel name\t: Some Chip 9\n")
    assert processor(file) == "Some Chip 9"
    assert processor(tmp_path / "none")


def test_the_command_prints_what_it_keeps(tmp_path, monkeypatch, capsys):
    sizes = ("--only", "nodes", "--quick", "--rounds", "1", "--jobs", "2000", "--reps", "2")
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *sizes, "--out", str(tmp_path)])
    benchmark.main()
    told = json.loads((tmp_path / "benchmark.json").read_text())
    printed, progress = capsys.readouterr()
    assert nodes.text(told) in printed
    assert in_words(told["about"]) in printed
    assert re.search(r"^nodes: done in \d+ s$", progress, re.M)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["benchmark.json", "benchmark.png", "benchmark.svg"]


def test_without_a_picture_it_is_said(tmp_path, capsys):
    benchmark.draw({"about": benchmark.about()}, tmp_path)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err == "no picture: it shows nodes and replicas\n"


def test_tables_come_in_their_own_order_and_unknown_ones_are_refused():
    assert benchmark.chosen("") == list(benchmark.TABLES)
    assert benchmark.chosen("dask,nodes") == ["nodes", "dask"]
    with pytest.raises(InputError, match=r"--only: `thread` is no table; did you mean `threads`\?"):
        benchmark.chosen("thread")


def test_a_number_below_one_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "--rounds", "0", "--out", str(tmp_path / "none")])
    with pytest.raises(InputError, match="--rounds: must be at least 1, got 0"):
        benchmark.main()
    assert not (tmp_path / "none").exists()
