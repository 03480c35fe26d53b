"""What is printed: plain text of 80 columns, colours and the whole width on a terminal, every number found."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from unittest import mock

import pytest
from refusals import ROOT, flat
from studies import HYBRID, RATE
from worlds import scenario

import sim
from sim.doors.cli.terminal import Look, Progress, span
from sim.ground.estimate import Estimate
from sim.ground.scenario import load
from sim.questions import search, tables
from sim.questions.decision import decide, decide_at
from sim.questions.decision.matters import matters
from sim.questions.decision.spares import spares
from sim.questions.tables.blocks import Text, table
from sim.questions.tables.colours import coloured
from sim.questions.tables.plain import grid, plain
from sim.questions.tables.words import number, percent, short_keys, with_interval
from sim.study.steady import steady

SCENARIOS = ROOT / "experiments" / "scenarios"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG = "a_plan_whose_name_takes_all_of_the_sixty_letters_that_it_may"


def shipped(name, **settings):
    return load(SCENARIOS / f"{name}.yaml", settings)


def too_wide(text: str, width: int = 80) -> list[str]:
    return [line for line in ESCAPES.sub("", text).splitlines() if len(line) > width]


@pytest.fixture(scope="module")
def results():
    """A small result of every kind, with the function that tells it."""
    elastic = sim.run(shipped("elastic", horizon_days=10), replications=2)
    limits = sim.run(shipped("limits", horizon_days=0.005), replications=2)
    small = scenario(settings={"horizon_days": 20, "plans.hybrid": HYBRID})
    named = scenario(settings={"horizon_days": 20, f"plans.{LONG}": HYBRID, f"plans.{LONG[:-1]}": HYBRID})
    swept = sim.sweep(small, {RATE: [1, 3, 6]}, replications=2)
    both = sim.sweep(small, {RATE: [1, 3], "plans.reserved.held.p4d.nodes": [1, 2]}, replications=2)
    asked = shipped("commitment", **{"decision.months": 12, "horizon_days": 5})
    key = "plans.three_years.held.p4d.usd_per_node_h"
    decided = decide_at(asked, key, [4.0, 8.0], futures=3, replications=1)
    failures = {"up_hours": {"law": "exponential", "mean": 3692}, "repair_hours": 8}
    failing = scenario(settings={"plans.reserved.held.p4d.failures": failures})
    long_run = steady(scenario(settings={"plans.hybrid": HYBRID}), length=1000, runs=2)
    size = search.size(small, "reserved", wait_p95_hours=50, replications=4, most_replications=8)
    cross = search.break_even(small, RATE, (1, 10), replications=4)
    curve = search.frontier(
        small, (RATE, 1, 10, False), ("workload.tuning.hours_per_million_tokens", [1, 2]),
        ["reserved", "on_demand"], replications=4,
    )  # fmt: skip
    return {
        "elastic": (elastic.result, tables.study_blocks),
        "limits": (limits.result, tables.study_blocks),
        "long names": (sim.run(named, replications=2).result, tables.study_blocks),
        "sweep": (swept.as_result(), tables.sweep_blocks),
        "sweep over two keys": (both.as_result(), tables.sweep_blocks),
        "decide": (decide(asked, futures=4, replications=1).result, tables.decision_blocks),
        "decide along": (decided.as_result(), tables.decisions_blocks),
        "matters": (matters(asked, futures=4, replications=1, points=0).result, tables.matters_blocks),
        "break-even": (cross.result, tables.break_even_blocks),
        "frontier": (curve.result, tables.frontier_blocks),
        "size": (size.result, tables.size_blocks),
        "spares": (spares(failing, None, 3), tables.spares_blocks),
        "steady": (long_run.result, tables.steady_blocks),
    }  # fmt: skip


KINDS = ["elastic", "limits", "long names", "sweep", "sweep over two keys", "decide", "decide along", "matters",
         "break-even", "frontier", "size", "spares", "steady"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_plain_text_fits_80_columns_and_has_no_escape_codes(results, kind):
    result, blocks = results[kind]
    text = plain(blocks(result))
    assert len(text) > 100
    assert too_wide(text) == []
    assert "\x1b" not in text
    assert not re.search("[━┿▁▂▃▄▅▆▇█─│]", text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_is_filled_and_never_passed(results, kind, width):
    result, blocks = results[kind]
    text = coloured(blocks(result), width)
    assert too_wide(text, width) == []
    assert "\x1b[1m" in text
    words = set(flat(plain(blocks(result))).split()) - {"-" * length for length in range(200)}
    told = set(flat(ESCAPES.sub("", text)).split())
    assert {word for word in words - told if re.fullmatch(r"[\d.,]*\d", word)} == set()


def numbers_of(estimate: Estimate, write=number, scale: float = 1.0) -> set[str]:
    """What a text must say of an estimate: its value and the ends of its interval."""
    ends = (estimate.value, estimate.low, estimate.high)
    return {write(scale * each) for each in ends if each is not None}


def cells(text: str) -> set[str]:
    """The numbers of a text, percent signs and stars aside."""
    return {word.strip("[],;*()") for word in flat(text).replace(" %", "%").split()}


def share(value: float | None) -> str:
    return percent(value).replace(" ", "")


def test_nothing_of_a_run_is_lost(results):
    """All that the wide tables of version 0.1 showed, from the result itself."""
    result, blocks = results["elastic"]
    said = cells(plain(blocks(result)))
    missing = set()
    for name, plan in result["plans"].items():
        each = plan["classes"]["tuning"]
        cost, nodes = each["cost_per_job_usd"]["fully_loaded"], plan["nodes"]
        wanted = numbers_of(plan["bill_usd"]["total"]) | numbers_of(cost["mean"])
        for estimate in (*(cost[key] for key in ("p5", "p50", "p95")), each["wait_h"]["mean"], each["wait_h"]["p95"]):
            wanted.add(number(estimate.value))
        wanted |= {number(estimate.value) for estimate in plan["bill_percentiles_usd"].values()}
        wanted |= {number(sum(plan["bill_usd"][line].value for line in ("held_idle", "on_demand_idle", "spot_idle")))}
        wanted |= {share(plan["utilization"][key].value) for key in ("allocated", "productive")}
        wanted |= {share(each["api_share"].value), share(result["comparison"]["probability_cheapest"][name].value)}
        if plan["gpu_hours"]["paid"].value:
            wanted |= {
                number(nodes[key].value) for key in ("hires", "boot_usd", "lost_gpu_h", "lost_usd", "recovery_gpu_h")
            }
            wanted |= {share(nodes[key].value) for key in ("coverage", "commitment_utilization")}
        missing |= {(name, want) for want in wanted if want not in said}
    assert missing == set()


def test_nothing_of_a_sweep_is_lost(results):
    result, blocks = results["sweep"]
    text = flat(plain(blocks(result)))
    for cell in result["cells"]:
        for plan in cell["result"]["plans"].values():
            each = plan["classes"]["tuning"]
            assert with_interval(plan["bill_usd"]["total"]) in text
            assert with_interval(each["cost_per_job_usd"]["fully_loaded"]["mean"]) in text
            assert number(each["wait_h"]["p95"].value) in text
    for entry in result["break_even"]:
        assert tables.break_even_text(entry) in text


def test_nothing_of_a_decision_is_lost(results):
    result, blocks = results["decide"]
    text = flat(plain(blocks(result)))
    for each in result["strategies"].values():
        assert with_interval(each["npv_usd"]["mean"]) in text or number(each["npv_usd"]["mean"].value) in text
        assert number(each["cost_per_job_usd"]["mean"].value) in text
    for key, each in result["uncertain"].items():
        assert f"{key}: {each['law']} ({each['source']})" in text


class TestTables:
    HEAD = ("plan", "what it costs, USD", "p5", "hours of waiting", "p95")
    ROWS = (("one", "1,234,567 [1,234,567, 1,234,567]", "12.34", "0.123456789", "5"),)

    def test_a_table_that_fits_is_left_alone(self):
        assert plain([table(self.HEAD, self.ROWS, parts=(3,))], 200).count("plan") == 1

    def test_one_that_is_a_little_too_wide_gets_two_lines_of_head(self):
        lines = plain([table(self.HEAD, self.ROWS)], 66).splitlines()
        assert len(lines) == 4
        assert lines[0].split() == ["hours", "of"]

    def test_one_that_is_too_wide_is_taken_apart_by_meaning(self):
        money, work = plain([table(self.HEAD, self.ROWS, parts=(3,))], 52).split("\n\n")
        assert money.splitlines()[0].split() == ["plan", "what", "it", "costs,", "USD", "p5"]
        assert work.splitlines()[-1].split() == ["one", "0.123456789", "5"]

    def test_without_parts_its_columns_are_taken_apart_evenly(self):
        head = ["key", *"abcdef"]
        pieces = plain([table(head, [["k", *["1" * 18] * 6]])], 80).split("\n\n")
        assert [piece.splitlines()[0].split() for piece in pieces] == [["key", *"abc"], ["key", *"def"]]

    def test_words_are_wrapped_and_numbers_are_not(self):
        text = plain([table(["what", "usd"], [["a sentence " * 12, "1,234,567"]])], 60)
        assert too_wide(text, 60) == []
        assert "1,234,567" in text

    def test_by_hand(self):
        shown = grid(table(["plan", "USD\na job"], [["a", "1"], ["bb\nc", "22"]]))
        assert shown.splitlines() == ["        USD", "plan  a job", "----  -----", "a         1", "bb       22", "c"]

    def test_a_value_and_its_interval_stay_on_one_line(self):
        words = "so it costs about as much as this: 34,631 [-14,427, 83,689] USD and takes 12 h"
        lines = plain([Text(words)], 50).splitlines()
        assert " ".join(lines) == words
        assert lines[1].startswith("34,631 [-14,427, 83,689] USD")

    def test_what_is_to_be_pasted_is_not_wrapped(self):
        assert plain([Text("a: " + "b " * 60, "verbatim")]) == "a: " + "b " * 60

    def test_escape_codes_of_a_source_stay_text(self):
        hostile = "\x1b[31mred\x1b]0;title\x07"
        for text in (plain([Text(hostile), table(["a"], [[hostile]])]), plain([table([hostile], [["b"]])])):
            assert "\x1b" not in text
            assert "[31mred" in text
        assert "\x1b[31m" not in coloured([Text(hostile), table(["a"], [[hostile]])], 80)

    def test_markup_of_a_name_stays_text(self):
        assert "[bold]x[/bold]" in ESCAPES.sub("", coloured([table(["a"], [["[bold]x[/bold]"]])], 80))

    def test_keys_go_by_as_few_last_parts_as_tell_them_apart(self):
        keys = [
            "decision.events.a.months",
            "decision.events.b.months",
            "workload.tuning.rate",
            "rate.per",
            "x.rate.per",
        ]
        assert short_keys(keys) == ["a.months", "b.months", "rate", "rate.per", "x.rate.per"]


class Terminal(io.StringIO):
    """A stream that says a terminal shows it."""

    encoding = "utf-8"

    def isatty(self):
        return True


class TestLook:
    @pytest.mark.parametrize(
        ("environment", "look"),
        [
            ({"TERM": "xterm", "COLUMNS": "120"}, Look(True, True, 120)),
            ({"TERM": "xterm", "COLUMNS": "40"}, Look(True, True, 80)),
            ({"TERM": "xterm", "COLUMNS": "many"}, Look(True, True, 80)),
            ({"TERM": "xterm", "COLUMNS": "100", "NO_COLOR": "1"}, Look(True, False, 100)),
            ({"TERM": "dumb", "COLUMNS": "100"}, Look(True, False, 100)),
            ({"COLUMNS": "100"}, Look(True, False, 100)),
        ],
    )
    def test_of_a_terminal(self, environment, look):
        with mock.patch.dict(os.environ, environment, clear=True):
            assert Look.of(Terminal()) == look

    def test_what_no_terminal_shows_does_not_hang_on_columns(self):
        with mock.patch.dict(os.environ, {"TERM": "xterm", "COLUMNS": "200"}, clear=True):
            assert Look.of(io.StringIO()) == Look(False, False, 80)
            assert Look.of(None) == Look(False, False, 80)


class TestProgress:
    def told(self, calls, columns):
        err = Terminal()
        times = [0.0, *(second for second, _ in calls)]
        environment = {"TERM": "xterm", "COLUMNS": str(columns)}
        with (
            mock.patch.object(sys, "stderr", err),
            mock.patch("time.monotonic", side_effect=times),
            mock.patch.dict(os.environ, environment, clear=True),
        ):
            progress = Progress("futures")
            for _, done in calls:
                progress(done, 200)
        return err.getvalue()

    def test_a_terminal_sees_one_line_with_a_bar_and_the_time_left(self):
        text = self.told([(1, 1), (61, 51), (181, 101), (241, 200)], 80)
        lines = text.rstrip("\n").split("\r")[1:]
        assert {len(line) for line in lines} == {79}
        assert lines[2].rstrip() == f"futures  {'━' * 12}{'─' * 12}  101 of 200, 3 min, about 3 min left"
        assert lines[3].rstrip() == f"futures  {'━' * 24}  200 of 200, 4 min"
        assert text.endswith("\n")
        assert "\x1b" not in text

    @pytest.mark.parametrize("columns", [10, 30, 40, 50])
    def test_it_never_wraps(self, columns):
        lines = self.told([(1, 1), (61, 51), (181, 101), (241, 200)], columns).rstrip("\n").split("\r")[1:]
        assert max(map(len, lines)) < columns

    def test_time_in_words(self):
        assert [span(each) for each in (0.4, 80, 120, 5000, 7200)] == ["0 s", "80 s", "2 min", "83 min", "2.0 h"]


def on_terminal(*arguments, width, **environment) -> str:
    """Run the command line on a pseudo-terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    own = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "NO_COLOR"}}
    own |= {"PYTHONPATH": str(ROOT), "TERM": "xterm", **environment}
    command = [sys.executable, "-m", "sim", *map(str, arguments)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=own)
    os.close(theirs)
    out = b""
    while True:
        try:
            more = os.read(ours, 1 << 16)
        except OSError:  # Linux says so where the other end is closed
            break
        if not more:
            break
        out += more
    os.close(ours)
    assert process.wait(60) == 0
    return out.decode().replace("\r\n", "\n")


LISTED = ("prices", "--kind", "node", "--find", "h100", "--on", "2026-11-01")


@pytest.mark.parametrize(
    ("width", "environment", "fits", "colours"),
    [(80, {}, 80, True), (120, {}, 120, True), (80, {"COLUMNS": "110"}, 110, True), (80, {"NO_COLOR": "1"}, 80, False)],
)
def test_a_real_terminal(width, environment, fits, colours):
    text = on_terminal(*LISTED, width=width, **environment)
    assert too_wide(text, fits) == []
    assert ("\x1b[" in text) is colours
    assert max(map(len, ESCAPES.sub("", text).splitlines())) > (80 if fits > 80 else 60)


def test_a_pipe_has_no_colours_whatever_is_set():
    own = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160", "TERM": "xterm", "FORCE_COLOR": "1"}
    command = [sys.executable, "-m", "sim", *LISTED]
    text = subprocess.run(command, env=own, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "\x1b" not in text
    assert too_wide(text) == []
    assert "p5.48xlarge" in text
