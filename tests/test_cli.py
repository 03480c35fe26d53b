"""The command line: what it prints and where, what it writes, with which exit status. Refusals are in test_faults."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest
from refusals import ROOT, cli, flat, here, interrupted, refused
from worlds import ARTICLE

import sim
from sim.ground.scenario.schema import schema

RATE = "workload.tuning.arrivals.rate_per_day"
SMALL = ARTICLE.replace("365", "30")


@pytest.fixture
def article(tmp_path):
    """A month of the article as a file."""
    (tmp_path / "article.yaml").write_text(SMALL)
    return tmp_path / "article.yaml"


def test_init_check_run(tmp_path):
    status, out, err = here("init", "mine", cwd=tmp_path)
    assert (status, err) == (0, "")
    assert out == (
        "wrote mine.yaml: the starter under a new name; `init` alone lists the others\n"
        "next: fleetecon check mine.yaml; fleetecon run mine.yaml\n"
    )
    text = (tmp_path / "mine.yaml").read_text()
    assert text.count("#") > 5  # it is commented
    assert re.search(r"^name: mine\b", text, flags=re.MULTILINE)
    status, out, err = here("check", "mine.yaml", cwd=tmp_path)
    assert (status, err) == (0, "")
    assert out.startswith("mine.yaml: good; ")
    status, out, _ = here("run", "mine.yaml", "--reps=3", "--format=json", cwd=tmp_path)
    assert status == 0
    assert json.loads(out)["scenario"] == "mine"
    status, out, err = here("init", "mine", cwd=tmp_path)
    assert (status, out) == (2, "")
    assert err == "mine.yaml: exists already and is kept; choose another name or move it away\n"
    assert (tmp_path / "mine.yaml").read_text() == text


def test_init_alone_lists_every_shipped_scenario_with_its_lesson(tmp_path):
    status, out, err = here("init", cwd=tmp_path)
    assert (status, err, list(tmp_path.iterdir())) == (0, "", [])
    names = {file.stem for file in (ROOT / "experiments" / "scenarios").glob("*.yaml")}
    assert set(re.findall(r"^([a-z0-9_]+): \S", out, flags=re.MULTILINE)) == names
    assert {"article", "startup_chat", "rag", "batch_scoring", "research_tunes", "agents"} < names
    assert max(map(len, out.splitlines())) <= 80
    lessons = re.findall(r"^    It teaches: (.*?)(?=\n\n|\Z)", out, flags=re.MULTILINE | re.DOTALL)
    assert len(lessons) == len(names - {"starter"})
    assert all(re.fullmatch(r".{30,}\.", lesson.strip(), flags=re.DOTALL) for lesson in lessons)
    assert not re.search(r"fleetecon (run|sweep) [a-z]", out)  # the commands of the comments are not part of a lesson


def test_init_copies_a_shipped_scenario(tmp_path):
    assert here("init", "article", cwd=tmp_path)[1].startswith("wrote article.yaml: a copy of the shipped scenario\n")
    shipped = (ROOT / "experiments" / "scenarios" / "article.yaml").read_text()
    assert (tmp_path / "article.yaml").read_text() == shipped


def test_every_shipped_scenario_is_good():
    files = sorted((ROOT / "experiments" / "scenarios").glob("*.yaml"))
    assert len(files) >= 2
    for file in files:
        status, out, err = here("check", file)
        assert (status, err) == (0, "")
        assert flat(out).startswith(f"{file}: good; ")


def test_check_tells_loads_prices_and_their_sources(article):
    _, out, _ = here("check", article, "--set", f"{RATE}=13")
    lines = out.splitlines()
    assert "plan `reserved`: 8 GPUs held" in lines
    out = flat(out)
    first = f"{article}: good; 390 jobs and requests expected in 30 days"
    assert out.startswith(f"{first} offered load: 8.667 GPUs (erlangs) ")
    assert "19.22 USD per node hour (list price, from 2020-11-02, seen 2023-10-31: the article's 1-year" in out
    assert "8 USD per million trained tokens (list price, from 2023-08-22" in out
    assert "warning (overload): plan `reserved`: offered load 8.67 erlangs exceeds 8 GPUs" in out


def test_run_as_json_is_the_study(article):
    status, out, err = here("run", article, "--reps=5", "--seed=7", "--format=json", "--set", f"{RATE}=3")
    assert status == 0
    study = sim.run(sim.load(article, {RATE: 3}), replications=5, seed=7)
    assert json.loads(out) == json.loads(json.dumps(sim.study.as_json(study.result)))
    assert "{" not in err


def test_run_as_csv_is_a_table(article):
    _, out, _ = here("run", article, "--reps=5", "--format=csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    found = sim.run(sim.load(article), replications=5).result["plans"]["api"]["bill_usd"]["total"]
    total = [row for row in rows if row["plan"] == "api" and row["measure"] == "bill_usd.total"]
    assert len(total) == 1
    assert float(total[0]["value"]) == pytest.approx(found.value, rel=1e-11)
    assert float(total[0]["high"]) == pytest.approx(found.high, rel=1e-11)


def test_run_as_text_names_the_cheapest_and_warns(article):
    _, out, _ = here("run", article, "--reps=5")
    assert out.startswith("article: 30 days, 5 replications, seed 2023\n")
    for word in ("reserved", "on_demand", "api", "USD", "p95", "30 days", "GPU time"):
        assert word in out
    assert "Cheapest: `api`, " in out
    assert "p5 (takes 72)" in out  # fault D05: a quantile beyond the data has no interval
    assert "p99 (takes 368)" in out
    assert "warning (few_replications): percentiles of the bill have no interval" in out
    assert "takes 72" not in here("run", article, "--reps=72")[1]


def test_both_engines_print_the_same(article):
    told = {
        here("run", article, "--reps=2", "--format=json", f"--engine={engine}")[1] for engine in ("kernel", "simpy")
    }
    assert len(told) == 1


def test_sweep_as_json_and_text(article):
    vary = f"--vary={RATE}=1:4:3"
    _, out, _ = here("sweep", article, vary, "--reps=3", "--format=json")
    found = json.loads(out)
    assert found["vary"] == {RATE: [1, 2.5, 4]}
    assert len(found["cells"]) == 3
    _, out, _ = here("sweep", article, f"--vary={RATE}=1:4:3:log", "--reps=3", "--format=json")
    assert json.loads(out)["vary"] == {RATE: [1, 2, 4]}
    _, out, _ = here("sweep", article, "--vary=allocation.rule=equal,platform", "--reps=3", "--format=json")
    assert [cell["at"]["allocation.rule"] for cell in json.loads(out)["cells"]] == ["equal", "platform"]
    _, out, _ = here("sweep", article, vary, "--reps=3")
    assert "reserved" in out
    assert "on_demand" in out


def test_schema_is_json():
    status, out, _ = here("schema")
    assert status == 0
    assert json.loads(out) == schema()
    assert {"workload", "plans", "horizon_days", "name"} <= set(json.loads(out)["required"])


def files_of(folder) -> dict[str, bytes]:
    """Everything in a folder but what it was made from."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "study.sqlite"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_out_writes_a_whole_folder(article):
    out = article.parent / "a" / "b"
    status, told, _ = here("run", article, "--reps=3", "--format=json", "--out", out)
    assert status == 0
    found = files_of(out)
    assert {"scenario.yaml", "manifest.json", "result.json", "result.csv"} <= set(found)
    assert {name.rsplit(".")[-1] for name in found} >= {"png", "svg"}
    assert json.loads(found["result.json"]) == json.loads(told)
    assert not [name for name in found if name.startswith(".") or name.endswith(".tmp")]
    assert sim.load(out / "scenario.yaml").model_dump() == sim.load(article).model_dump()
    assert json.loads(found["manifest.json"])["seed"] == 2023


def test_the_same_bytes_in_every_file_whatever_the_threads_folder_locale_and_zone(article):
    elsewhere = article.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "article.yaml").write_text(SMALL)
    common = ("sweep", "article.yaml", f"--vary={RATE}=2,6", "--reps=20")
    first, second = article.parent / "one", article.parent / "two"
    one = cli(*common, "--jobs=1", "--out", first, cwd=article.parent, TZ="UTC", LC_ALL="C.UTF-8")
    other = {"TZ": "Asia/Kathmandu", "LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR.UTF-8", "COLUMNS": "40"}
    two = cli(*common, "--jobs=2", "--out", second, cwd=elsewhere, **other)
    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    assert len(files_of(first)) >= 4
    assert files_of(first) == files_of(second)


def test_usage_errors_exit_2(tmp_path):
    for arguments in ([], ["run"], ["fly"], ["run", "x.yaml", "--fast"], ["sweep", "x.yaml"]):
        status, out, err = here(*arguments, cwd=tmp_path)
        assert (status, out) == (2, ""), arguments
        assert err
        assert "Traceback" not in err
    for flag, text in (("--format", "xml"), ("--engine", "gpu")):
        (tmp_path / "a.yaml").write_text(SMALL)
        status, out, err = here("run", "a.yaml", flag, text, cwd=tmp_path)
        assert (status, out) == (2, "")
        assert re.match(rf"{flag}: must be one of .*, got '{text}'\n$", err)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep", "a.yaml"], r"fleetecon sweep: missing option '--vary'; `fleetecon sweep --help` tells"),
        (["backtest", "a.yaml"], r"fleetecon backtest: missing option '--\w+'; "),
        (["run"], r"fleetecon run: missing argument 'FILE'; "),
        (["run", "a.yaml", "--rep", "3"], r"fleetecon run: no such option: --rep.*--reps"),
        (["run", "a.yaml", "--reps"], r"fleetecon: option '--reps' requires an argument; "),
        (["run", "a.yaml", "b.yaml"], r"fleetecon run: got unexpected extra argument"),
        (["swep"], r"fleetecon: no such command 'swep'.*'sweep'\? `fleetecon --help` tells"),
        (["--vary", "sweep"], r"fleetecon: no such option: --vary"),
        (["fit", "worklod"], r"fleetecon fit: no such command 'worklod'"),
    ],
)
def test_a_command_line_that_is_none_is_refused_in_one_line(words, said):
    assert re.match(said, refused(*words))


def test_no_verb_is_answered_with_the_help_page():
    assert "Commands:\n  init " in "".join(here()[1:])


def test_one_of_something_is_not_several(article):
    short = here("run", article, "--reps=1", "--set=horizon_days=1")[1]
    assert short.startswith("article: 1 day, 1 replication, seed 2023\n")
    assert "interval over 1 replication." in short
    assert "expected in 1 day\n" in here("check", article, "--set=horizon_days=1")[1]


def test_the_version_is_told():
    assert here("--version") == (0, f"fleetecon {sim.__version__}\n", "")
    assert f"version: {sim.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert (ROOT / "CHANGELOG.md").read_text().splitlines()[2].startswith(f"## {sim.__version__} ")


def test_help_names_every_verb():
    status, out, _ = here("--help")
    assert status == 0
    for verb in ("init", "check", "run", "sweep", "verify", "schema", "demo"):
        assert re.search(rf"^  {verb} .*\.$", out, flags=re.MULTILINE)
    assert "..." not in out.partition("Commands:")[2]  # no summary is cut off


def test_what_to_type_next_is_called_as_this_was(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETECON_CALLED", "../run")  # as `run` sets it
    assert "next: ../run check mine.yaml; ../run run mine.yaml\n" in here("init", "mine", cwd=tmp_path)[1]
    assert "; `../run sweep --help` tells" in refused("sweep", "a.yaml")


def test_an_interrupt_exits_130_without_a_traceback(article):
    article.write_text(ARTICLE)
    status, out, err = interrupted("run", article, "--reps=2000", "--engine=simpy")
    assert (status, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err


def test_an_interrupt_while_the_program_is_still_read_exits_130(tmp_path):
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")  # the first thing that the command line reads
    own = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    ended = subprocess.run([sys.executable, "-m", "sim", "check", "x"], env=own, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "\ninterrupted; nothing was begun\n")


def test_a_folder_holds_one_question_only(tmp_path):
    article = tmp_path / "article.yaml"
    article.write_text(ARTICLE)
    run_again = ("run", article, "--reps", "2", "--out", "out")
    assert here(*run_again, cwd=tmp_path)[0] == 0
    assert here(*run_again, cwd=tmp_path)[0] == 0  # the same question again
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    for other in (
        ("run", article, "--reps", "2", "--out", "out", "--set", "horizon_days=30"),
        ("sweep", article, "--reps", "2", "--out", "out", "--vary", "workload.tuning.arrivals.rate_per_day=1,2"),
    ):
        code, _, err = here(*other, cwd=tmp_path)
        assert code == 2
        assert "out: holds the results of another question (scenario `article`)" in err
    assert before == {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}


def test_a_resolved_scenario_runs_again_with_its_trace(tmp_path):
    (tmp_path / "jobs.csv").write_text("arrival,hours\n1,2\n3,4\n")
    trace = {"kind": "fine_tune", "gpus": 8, "trace": {"file": "jobs.csv", "columns": {"service": "hours"}}}
    values = {"name": "t", "horizon_days": 2, "workload": {"jobs": trace}}
    held = {"held": {"n": {"gpus": 8, "nodes": 1, "usd_per_node_h": 1}}}
    (tmp_path / "t.yaml").write_text(json.dumps(values | {"plans": {"own": held}}))
    assert here("run", "t.yaml", "--reps", "2", "--out", "a", cwd=tmp_path)[0] == 0
    assert here("run", "a/scenario.yaml", "--reps", "2", "--out", "b", cwd=tmp_path)[0] == 0
    assert (tmp_path / "a" / "result.json").read_bytes() == (tmp_path / "b" / "result.json").read_bytes()
