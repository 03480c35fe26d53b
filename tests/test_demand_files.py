"""From a log to a scenario that runs: what is written, what is refused, what is said of odd logs."""

import gzip
import json

import numpy as np
import pytest
from refusals import flat, here

from sim.engine.workload import listed_requests, sample_requests
from sim.ground.faults import InputError
from sim.ground.scenario import load
from sim.questions.demand import Told, learn, slug
from sim.questions.demand.rates import fit_rates, read_rates
from sim.study import run

FEW = 200_000
START = np.datetime64("2024-05-06T08:00:00")


def requests_csv(folder, seconds, prompt=None, output=None, name="log.csv"):
    """A log in Azure's form."""
    count = len(seconds)
    generator = np.random.default_rng(9)
    prompt = generator.integers(10, 2000, count) if prompt is None else prompt
    output = generator.integers(1, 300, count) if output is None else output
    times = START + (np.asarray(seconds) * 1e6).astype("timedelta64[us]")
    rows = [f"{time},{p},{o}" for time, p, o in zip(times, prompt, output, strict=True)]
    file = folder / name
    file.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]) + "\n")
    return file


def jobs_csv(folder, hours, gpus):
    """A log in Philly's form."""
    generator = np.random.default_rng(8)
    times = START + (np.asarray(hours) * 3600).astype("timedelta64[s]")
    rows = [
        f"{str(time).replace('T', ' ')},{generator.integers(60, 9000)},{gpu},vc"
        for time, gpu in zip(times, gpus, strict=True)
    ]
    file = folder / "jobs.csv.gz"
    with gzip.open(file, "wt") as text:
        text.write("\n".join(["timestamp,duration,num_gpus,cluster", *rows]) + "\n")
    return file


def poisson(rate, seconds, seed=4):
    generator = np.random.default_rng(seed)
    return np.sort(generator.uniform(0, seconds, generator.poisson(rate * seconds)))


def refusal(call, *arguments, **options):
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def test_a_log_becomes_a_scenario_that_runs_as_it_is_written(tmp_path):
    file = requests_csv(tmp_path, poisson(2, 1200))
    out = tmp_path / "out"
    learned = learn(file, Told(), out=out, name="chat", arrivals=FEW)
    files = learned.write(out, "chat", 3)
    assert files[0] == out / "chat.yaml"
    assert {file.suffix for file in files} == {".yaml", ".csv", ".png", ".svg"}
    scenario = load(files[0])
    assert (scenario.seed, list(scenario.plans)) == (3, ["own", "api", "hybrid"])
    assert scenario.horizon_days == pytest.approx(1200 / 86_400, rel=0.01)
    lengths = (out / "chat_lengths.csv").read_text().splitlines()
    assert lengths[0] == "prompt,output"
    assert len(lengths) - 1 == learned.found.sketch.count
    rows = [line.split(",")[1:] for line in file.read_text().splitlines()[1:]]
    assert [line.split(",") for line in lengths[1:]] == rows
    study = run(scenario, replications=2)
    counted = study.result["plans"]["api"]["classes"]["requests"]["jobs"].value
    assert counted == pytest.approx(len(rows), rel=5 / np.sqrt(2 * len(rows)))


def test_the_same_log_gives_the_same_bytes(tmp_path):
    file = requests_csv(tmp_path, poisson(2, 700))
    for name in ("a", "b"):
        learn(file, Told(), out=tmp_path / name, name="x", arrivals=FEW).write(tmp_path / name, "x", 0, draw=False)
    for made in sorted((tmp_path / "a").iterdir()):
        assert made.read_bytes() == (tmp_path / "b" / made.name).read_bytes()


def test_jobs_keep_their_widths_and_odd_ones_are_rounded_up_to_nodes(tmp_path):
    generator = np.random.default_rng(5)
    hours = poisson(10, 200)
    file = jobs_csv(tmp_path, hours, generator.choice([1, 2, 8, 12, 16], len(hours)))
    learned = learn(file, Told(), arrivals=FEW)
    files = learned.write(tmp_path, "work", 0, draw=False)
    scenario = load(files[0])
    assert list(scenario.plans) == ["held", "hired", "held_and_hired"]
    widths = {line.split(",")[-1] for line in (tmp_path / "work_jobs.csv").read_text().splitlines()[1:]}
    assert widths == {"1", "2", "8", "16"}
    assert run(scenario, replications=1).result["plans"]["held"]["classes"]["jobs"]["jobs"].value > 1000


@pytest.mark.parametrize(("unit", "a_unit"), [("hours", 1), ("minutes", 60), ("seconds", 3600)])
def test_services_are_read_in_the_unit_that_is_told(tmp_path, unit, a_unit):
    rows = [f"{hour},{2 * a_unit},1" for hour in range(41)]
    (tmp_path / "jobs.csv").write_text("\n".join(["at,took,gpus", *rows]) + "\n")
    roles = ["--column", "arrival=at", "--column", "service=took", "--column", "gpus=gpus"]
    given = ("fit", "workload", tmp_path / "jobs.csv", *roles, "--unit", "hours", "--service-unit", unit)
    status, out, _ = here(*given, "--format", "json")
    assert status == 0
    assert json.loads(out)["sizes"]["service_hours"]["mean"] == pytest.approx(2)


def test_jobs_of_tokens_alone_get_nodes_for_the_pace_that_is_assumed(tmp_path):
    rows = [f"{quarter * 900},4,1000000" for quarter in range(401)]  # 4 jobs an hour, 4 GPUs each, 2 h by assumption
    (tmp_path / "tokens.csv").write_text("\n".join(["at,gpus,tokens", *rows]) + "\n")
    told = Told(columns={"arrival": "at", "gpus": "gpus", "tokens": "tokens"}, unit="seconds")
    files = learn(tmp_path / "tokens.csv", told, out=tmp_path / "out", name="tokens", arrivals=FEW).write(
        tmp_path / "out", "tokens", 3
    )
    assert "# 32.08 GPUs busy on average." in files[0].read_text()
    assert load(files[0]).plans["held"].held["node"].nodes == 6  # 32.08 of 8 GPUs at 70 %
    pace = next(each for each in load(files[0]).inputs() if each.what == "pace of class `jobs`")
    assert pace.unit == "h per million tokens on the GPUs of each job"


def test_where_no_process_comes_near_the_log_is_drawn_in_blocks(tmp_path):
    ticks = np.repeat(np.arange(0, 3600, 3.0), np.random.default_rng(6).poisson(10, 1200))
    file = requests_csv(tmp_path, ticks)
    learned = learn(file, Told(), arrivals=FEW)
    assert learned.choice.taken is None
    assert learned.choice.blocks.distance.passes
    assert learned.found.tick == 3
    text = flat(learned.text())
    assert "No process reaches it" in text
    assert "the clock ticks" in text
    (tmp_path / "deeper").mkdir()
    scenario = load(learned.write(tmp_path / "deeper", "t", 0, draw=False)[0])
    assert scenario.chats["requests"].trace.bootstrap.block_minutes == learned.choice.blocks.keys["block_minutes"]
    drawn = sample_requests(scenario, 0, range(20), listed_requests(scenario))
    assert len(drawn) / 20 == pytest.approx(len(ticks), rel=0.02)


def test_a_log_too_short_for_blocks_gets_the_nearest_process_and_is_told_so(tmp_path):
    ticks = np.repeat(np.arange(0, 400, 3.0), np.random.default_rng(6).poisson(10, 134))
    learned = learn(requests_csv(tmp_path, ticks), Told(), arrivals=FEW)
    assert (learned.choice.taken, learned.choice.blocks) == (None, None)
    assert "too short to be drawn from in blocks: the nearest process is written" in learned.text()
    scenario = load(learned.write(tmp_path, "s", 0, draw=False)[0])
    assert scenario.chats["requests"].arrivals is not None


def test_nothing_is_written_over_and_an_impossible_folder_is_refused_before_any_work(tmp_path):
    file = requests_csv(tmp_path, [0.0, 1.0])
    (tmp_path / "mine_lengths.csv").write_text("keep")
    assert refusal(learn, file, Told(), out=tmp_path, name="mine").startswith(
        f"{tmp_path / 'mine_lengths.csv'}: exists already and is kept; choose another --name or --out"
    )
    assert (tmp_path / "mine_lengths.csv").read_text() == "keep"
    assert "must be a folder to write into" in refusal(learn, file, Told(), out=file / "x", name="mine")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        ([0.0], "one row, or all rows at one instant: there is no rate and no gap to learn from"),
        ([5.0] * 40, "one row, or all rows at one instant: there is no rate and no gap to learn from"),
        ([0.0, 3.0, 9.0], "3 arrivals tell no process from another: Poisson is assumed."),
        (range(0, 2000, 2), "Taken: a schedule"),
    ],
    ids=["one", "instant", "three", "constant"],
)
def test_odd_logs_are_told_for_what_they_are(tmp_path, seconds, told):
    file = requests_csv(tmp_path, list(seconds))
    status, out, error = here("fit", "workload", file)
    assert (status, error) == (0, "")
    assert told in flat(out)
    json.loads(here("fit", "workload", file, "--format", "json")[1])


def test_what_cannot_be_written_is_refused_in_one_line(tmp_path):
    file = requests_csv(tmp_path, [7.0] * 3)
    status, _, error = here("fit", "workload", file, "--out", tmp_path / "o")
    assert status == 2
    assert (
        error.strip() == f"{file}: has one row, or all rows at one instant: there is no rate and no gap to learn from"
    )
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--column", "who=x"], "--column: must be role=column, a role of arrival, prompt"),
        (["--column", "arrival=TIMESTAMP"], "--column: must name the columns of arrival, and prompt and output"),
        (["--column", "arrival=a", "--column", "prompt=b"], "--column: must name both prompt and output"),
        (["--column", "arrival=a", "--column", "service=b"], "--column: service must come with --service-unit hours,"),
        (["--service-unit", "hours"], "--service-unit: must come with --column service=COLUMN"),
        (["--name", "../x"], "--name: must be a slug of a-z, 0-9 and _, at most 50 long"),
        (["--where", "model=x"], "--where: is for logs of rates; log.csv lists requests"),
        (["--seed", "x"], "--seed: must be a whole number"),
        (["--format", "csv"], "--format: must be one of text, json"),
        (["--log-format", "azur"], "did you mean `azure`?"),
        (["--zone", "Mars"], "must be the name of a time zone"),
    ],
)
def test_wrong_options(tmp_path, arguments, told):
    file = requests_csv(tmp_path, [0.0, 1.0])
    status, out, error = here("fit", "workload", file, *arguments)
    assert (status, out) == (2, "")
    assert told in error
    assert "Traceback" not in error


def test_no_tokens_at_all(tmp_path):
    file = requests_csv(tmp_path, [0.0, 1.0], [0, 0], [0, 0])
    assert here("fit", "workload", file)[0] == 2
    status, _, error = here("fit", "workload", file, "--skip-empty")
    assert status == 2
    assert error.startswith(f"{file}: has no rows to learn from; ")


def test_columns_that_are_told_and_hours_of_a_zone(tmp_path):
    file = tmp_path / "own log.csv"
    rows = [f"{second},{5 + second % 3},7" for second in range(0, 4000, 5)]
    file.write_text("\n".join(["when,in,out", *rows]) + "\n")
    told = Told(columns={"arrival": "when", "prompt": "in", "output": "out"}, unit="seconds")
    found = learn(file, told, arrivals=FEW).found
    assert (found.sketch.count, found.resolution, found.hours.dated) == (800, 5.0, False)
    dated = requests_csv(tmp_path, [0.0, 60.0])
    assert (
        learn(dated, Told(zone="Asia/Kolkata"), arrivals=FEW).found.hours.starts == 8.0
    )  # naive times are of the zone
    assert slug("Own log (2).csv") == "own_log_2_csv"


def rates_csv(folder, models=("m",), clients=0, days=3):
    """Rates by the hour: a day that swings, and clients of unequal size."""
    lines = ["model,client,t,rate,cv" if clients else "model,t,rate"]
    for model in models:
        for hour in range(24 * days):
            rate = 2 + np.sin(2 * np.pi * hour / 24)
            parts = rate * np.arange(1, clients + 1) / sum(range(1, clients + 1)) if clients else [rate]
            for number, part in enumerate(parts):
                tail = ",1.5" if clients else ""
                lines.append(f"{model},{f'{number},' if clients else ''}{hour * 3600},{part:.6f}{tail}")
    file = folder / "rates.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_rates_give_a_source_with_its_pattern(tmp_path):
    file = rates_csv(tmp_path, days=6)
    learned = learn(file, Told(), {})
    taken = learned.taken
    assert taken.passes
    assert taken.name == "Poisson by hours"
    expected = [1 + np.sin(2 * np.pi * hour / 24) / 2 for hour in range(24)]
    assert taken.keys["pattern"]["hours"] == pytest.approx(expected, abs=0.01)
    assert taken.keys["rate_per_second"] == pytest.approx(2, rel=0.01)
    assert "cannot tell IDC below its window of 3600 s" in learned.text()
    assert load(learned.write(tmp_path, "r", 0)[0]).chats["requests"].arrivals.law == "poisson"


def test_rates_of_clients_give_a_superposition_of_the_largest_and_the_rest(tmp_path):
    log = read_rates(rates_csv(tmp_path, clients=12), Told(), {})
    steady = fit_rates(log)[0]
    parts = steady.keys["parts"]
    assert [part["law"] for part in parts] == ["gamma"] * 10 + ["poisson"]
    assert [part["rate_per_second"] for part in parts[:2]] == pytest.approx([2 * 12 / 78, 2 * 11 / 78], rel=1e-3)
    assert parts[-1]["rate_per_second"] == pytest.approx(2 * 3 / 78, rel=1e-3)
    assert parts[0]["cv"] == 1.5
    assert steady.passes


def test_rates_of_several_models_need_one(tmp_path):
    file = rates_csv(tmp_path, models=("a", "b"), days=1)
    assert "holds rates of several models; name one: --where model=a (or b)" in refusal(learn, file, Told(), {})
    assert "no row has model 'c'" in refusal(learn, file, Told(), {"model": "c"})
    assert "must name a column of texts" in refusal(learn, file, Told(), {"rate": "c"})
    assert learn(file, Told(), {"model": "b"}).taken.passes
