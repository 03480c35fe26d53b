"""Fits: terms found again in tables made by the kernel, refusals word for word, and the figures on measured data."""

import csv
import gzip
import io
import json
import re

import numpy as np
import pytest

from sim.ground.faults import InputError
from sim.questions.fit import Options, Terms, fit, fitted_json, fitted_text, kv_us_of, read_table, serve_block, validate
from sim.questions.fit.replay import poisson_runs, replay, requests_of
from sim.questions.fit.report import KEYS
from sim.questions.fit.search import search
from sim.questions.fit.validate import data_folder

TRUE = Terms(
    base_ms=6.0,
    per_request_ms=0.05,
    per_kv_token_us=0.06,
    per_prefill_token_us=40.0,
    prefill_ms=3.0,
    max_num_seqs=64,
    token_budget=2048,
    kv_tokens=60_000,
    join_lag=1,
    frontend_ms=5.0,
)
DATA = data_folder()
needs_data = pytest.mark.skipif(DATA is None, reason="no measured data beside the checkout nor in FLEETECON_DATA")


def as_csv(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def written(folder, text, name="table.csv"):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def refusal(call, *arguments, **options):
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def rate_rows(rates=(1, 4, 8, 16, 60), requests=300, prompt=512, output=128):
    """Percentiles by rate of what 64 runs see on average, under the true terms."""
    rows = []
    arrivals = poisson_runs(requests, 64, seed=99)
    for rate in rates:
        tokens = [np.full(arrivals.size, each) for each in (prompt, output)]
        seen = replay(TRUE, requests_of((arrivals / rate).ravel(), *tokens, runs=64))
        row = {"rps": rate, "request_throughput": (requests / seen.end.reshape(64, -1).max(axis=1)).mean()}
        for name, values in (("ttft", seen.ttft), ("e2el", seen.e2e), ("tpot", seen.tpot)):
            for percent in (50, 90):
                quantiles = np.quantile(values.reshape(64, -1), percent / 100, axis=1)
                row[f"{name}_p{percent}_ms"] = 1000 * quantiles.mean()
        rows.append(row)
    return rows


def log_rows(count=240, rate=8.0, seed=5, terms=TRUE, prompt=None, output=None):
    """A log of requests of many lengths; the server's clock is 1,000 s ahead."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1 / rate, count))
    prompts = rng.integers(50, 1500, count) if prompt is None else np.full(count, prompt)
    outputs = rng.integers(50, 500, count) if output is None else np.full(count, output)
    seen = replay(terms, requests_of(arrival, prompts, outputs))
    return [
        {
            "request_id": f"r{row}",
            "input_toks": int(prompts[row]),
            "output_toks": int(outputs[row]),
            "arrival_time": float(arrival[row]),
            "queued_ts": float(arrival[row]) + 1000 + 0.02 * (row % 3),
            "first_token_ts": float(arrival[row] + seen.ttft[row]) + 1000,
            "last_token_ts": float(arrival[row] + seen.e2e[row]) + 1000,
        }
        for row in range(count)
    ]


def as_jsonl(rows):
    return "\n".join(map(json.dumps, rows)) + "\n"


def batch_rows(batches=(1, 2, 4, 8, 16, 32), prompts=(128, 512, 2048), outputs=(128, 1024)):
    return [
        {
            "model": "m",
            "prompt_size": prompt,
            "batch_size": batch,
            "token_size": output,
            "prompt_time": 6 + 3 + 0.04 * prompt * batch,
            "token_time": 6 + 0.05 * batch + 0.06e-3 * batch * (prompt + output / 2),
        }
        for prompt in prompts
        for batch in batches
        for output in outputs
    ]


# -- terms found again ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_log_gives_its_terms_back(tmp_path):
    file = written(tmp_path, as_jsonl(log_rows()), "requests.jsonl")
    written(
        tmp_path,
        json.dumps(
            {
                "engine_kwargs": {"max_num_seqs": 64, "max_num_batched_tokens": 2048},
                "kv_cache": {"num_kv_tokens": 60_000},
            }
        ),
        "meta.json",
    )
    found = fit(read_table(file), Options(join_lag=1))
    assert found.terms.base_ms == pytest.approx(6, rel=0.1)
    assert found.terms.per_request_ms == pytest.approx(0.05, rel=0.35)
    assert found.terms.per_kv_token_us == pytest.approx(0.06, rel=0.35)
    assert found.terms.per_prefill_token_us == pytest.approx(40, rel=0.1)
    assert (found.terms.max_num_seqs, found.terms.token_budget, found.terms.kv_tokens) == (64, 2048, 60_000)
    held = [row for row in found.comparisons if row.sample == "held-out"]
    assert len(held) == 3
    assert all(row.error < 0.01 for row in held[:2])


@pytest.mark.slow
def test_a_fit_is_the_same_each_time(tmp_path):
    table = read_table(written(tmp_path, as_jsonl(log_rows(40)), "requests.jsonl"))
    options = Options(max_num_seqs=64, token_budget=2048, kv_us=0.06, join_lag=1)
    assert fit(table, options) == fit(table, options)


@pytest.mark.slow
def test_percentiles_by_rate_give_their_terms_back(tmp_path):
    file = written(tmp_path, as_csv(rate_rows()))
    options = Options(
        kv_us=0.06,
        prompt=512,
        output=128,
        requests=300,
        max_num_seqs=64,
        token_budget=2048,
        kv_tokens=60_000,
        join_lag=1,
    )
    found = fit(read_table(file), options)
    assert found.terms.base_ms == pytest.approx(6, rel=0.05)
    assert found.terms.per_request_ms == pytest.approx(0.05, rel=0.3)
    assert found.terms.per_prefill_token_us == pytest.approx(40, rel=0.1)
    held = [abs(row.error) for row in found.comparisons if row.sample == "held-out"]
    assert len(held) == 2 * 4
    assert max(held) < 0.05


def test_times_by_batch_give_their_terms_back(tmp_path):
    file = tmp_path / "batches.csv.gz"
    file.write_bytes(gzip.compress(as_csv(batch_rows()).encode()))
    found = fit(read_table(file))
    assert found.terms.base_ms == pytest.approx(6, rel=0.02)
    assert found.terms.per_request_ms == pytest.approx(0.05, rel=0.1)
    assert found.terms.per_kv_token_us == pytest.approx(0.06, rel=0.02)
    assert found.terms.per_prefill_token_us == pytest.approx(40, rel=0.01)
    assert found.terms.prefill_ms == pytest.approx(3, rel=0.05)
    held = [row for row in found.comparisons if row.sample == "held-out"]
    assert len(held) == 2 * 17
    assert max(abs(row.error) for row in held) < 0.01


def test_one_start_ends_in_a_wrong_minimum_and_many_do_not():
    def two_valleys(point):
        return np.array([5 * (point[0] - 0.9) * (point[0] - 0.1), 0.3 * (point[0] - 0.1)])

    one = search(two_valleys, 1, begin=np.array([[0.95]]), polish=20)
    assert one.point[0] > 0.8
    assert search(two_valleys, 1).point[0] == pytest.approx(0.1, abs=1e-3)


# -- what is told ------------------------------------------------------------------------------------------------------


def test_the_report_ends_with_a_block_to_paste(tmp_path):
    found = fit(read_table(written(tmp_path, as_csv(batch_rows()))))
    block = serve_block(found)
    assert block.startswith("serve:  # fitted to ")
    assert "  # kv_tokens: state how many tokens the cache holds; the table does not say\n" in block
    assert fitted_text(found).endswith(block)
    assert [line.split(":")[0].strip(" #") for line in block.splitlines()[1:]] == [*KEYS, "source"]
    assert fitted_json(found)["serve"]["token_budget"] == 2048
    assert "prompt time, ms: mean error in-sample 0.0%, held-out 0.0%" in fitted_text(found)


def test_the_catalog_pins_the_time_of_a_cached_token():
    assert kv_us_of("llama_3_1_8b", "H100-80GB") == pytest.approx(131_072 / (0.8 * 3350e9) * 1e6)
    assert "did you mean `llama_3_1_8b`?" in refusal(kv_us_of, "llama_3.1_8b", "H100-80GB")
    assert "--accelerator: 'H100' is not in the catalog" in refusal(kv_us_of, "llama_3_1_8b", "H100")


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_table_of_no_known_form_is_refused(tmp_path):
    text = refusal(read_table, written(tmp_path, "a,b\n1,2\n"))
    assert "table.csv:1: must be a benchmark table of one of these forms: percentiles by rate (rps, " in text


def test_a_missing_column_names_the_nearest(tmp_path):
    rows = [{"rsp" if key == "rps" else key: value for key, value in row.items()} for row in rate_rows((1, 2), 20)]
    text = refusal(read_table, written(tmp_path, as_csv(rows)))
    assert "table.csv:1: has no column 'rps', which percentiles by rate needs; did you mean `rsp`?" in text


def test_all_wrong_cells_are_named_up_to_a_limit(tmp_path):
    rows = batch_rows()
    rows[0]["token_time"], rows[2]["batch_size"] = "fast", 1.5
    text = refusal(read_table, written(tmp_path, as_csv(rows)))
    assert "table.csv:2: token_time must be a number, got 'fast'" in text
    assert "table.csv:4: batch_size must be a whole number from 1, got '1.5'" in text
    text = refusal(read_table, written(tmp_path, as_csv([row | {"prompt_time": -1} for row in rows])))
    assert text.endswith("table.csv: has more faults; the first 20 are shown")
    assert len(text.splitlines()) == 21
    for odd, rule in (("1e308", "from 1e-09 to 1e+12"), ("5e-324", "from 1e-09 to 1e+12"), ("1e400", "a number")):
        text = refusal(
            read_table, written(tmp_path, as_csv([*batch_rows()[1:], batch_rows()[0] | {"prompt_time": odd}]))
        )
        assert re.search(rf"table.csv:\d+: prompt_time must be {re.escape(rule)}, got '{odd}'$", text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "has no rows"),
        ("rps,rps\n1,2\n", ":1: has two columns named 'rps'"),
        ("rps,b\n1\n", ":2: has 1 fields, the header has 2"),
        ('{"rps": 1}\n[2]\n', ":2: must be one JSON object a line, got '[2]'"),
        ('{"rps": 1}\n{"rps": \n', ":2: must be one JSON object a line: "),
        ('rps,b\n1,"2\n', "is not a CSV file"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path, text, rule):
    assert rule in refusal(read_table, written(tmp_path, text))


def test_files_that_cannot_be_read_are_refused(tmp_path):
    assert "cannot be read: No such file" in refusal(read_table, tmp_path / "none.csv")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"rps\n1\n")[:-9])
    assert "cut.csv.gz: cannot be read: " in refusal(read_table, tmp_path / "cut.csv.gz")
    (tmp_path / "latin.csv").write_bytes(b"rps\n\xe4\n")
    assert "latin.csv:2: is not UTF-8 text" in refusal(read_table, tmp_path / "latin.csv")


def test_several_set_ups_are_told_apart_by_where(tmp_path):
    rows = [row | {"model": model} for model in ("a", "b") for row in batch_rows()]
    file = written(tmp_path, as_csv(rows))
    assert "must hold one set-up: model is a, b; choose one with --where model=a" in refusal(read_table, file)
    assert len(read_table(file, {"model": "b"}).batch) == len(rows) / 2
    assert "has no column 'modle'; did you mean `model`?" in refusal(read_table, file, {"modle": "b"})
    assert "has no row where model is 'c'; choose from `a`, `b`" in refusal(read_table, file, {"model": "c"})


def test_a_rate_stands_once(tmp_path):
    rows = rate_rows((1, 2), 20)
    assert ":4: repeats a rate (rps)" in refusal(read_table, written(tmp_path, as_csv([*rows, rows[0]])))


def test_percentiles_that_cannot_tell_the_terms_are_refused(tmp_path):
    table = read_table(written(tmp_path, as_csv(rate_rows((1, 8, 60), 40))))
    assert "from which the time a request and the time a cached token cannot be told apart; state the latter with " in (
        refusal(fit, table)
    )
    told = Options(kv_us=0.06, prompt=512, output=128, requests=40)
    assert "does not say how many tokens a request has; state --prompt" in refusal(fit, table, Options(kv_us=0.06))
    assert "--fit-at: 7 is not a rate of the table; it has 1, 8, 60" in (
        refusal(fit, table, Options(**(vars(told) | {"fit_at": (1, 7, 60)})))
    )
    assert "--fit-at: must name at least 3 rates, got 2" in (
        refusal(fit, table, Options(**(vars(told) | {"fit_at": (1, 60)})))
    )
    assert "--kv-tokens: must hold one request of 640 tokens" in (
        refusal(fit, table, Options(**(vars(told) | {"kv_tokens": 100})))
    )
    single = read_table(written(tmp_path, as_csv(rate_rows((8,), 40))))
    assert "must have at least 3 rates to tell the terms apart, got 1" in refusal(fit, single, told)


def test_logs_that_cannot_tell_the_terms_are_refused(tmp_path):
    def log(**options):
        return read_table(written(tmp_path, as_jsonl(log_rows(**options)), "requests.jsonl"))

    assert "must have at least 40 requests to fit and hold out, got 20" in refusal(fit, log(count=20))
    assert "holds requests of one shape" in refusal(fit, log(count=60, prompt=500, output=100))
    assert "must have requests of more than one output token" in refusal(fit, log(count=60, output=1))
    assert "holds requests that never ran beside each other" in refusal(fit, log(count=60, rate=0.01))
    assert "the KV cache only 300; state --kv-tokens" in refusal(fit, log(count=60), Options(kv_tokens=300))


def test_a_log_of_two_clocks_is_refused(tmp_path):
    rows = log_rows(50)
    rows[3]["last_token_ts"] = rows[3]["first_token_ts"] - 1
    text = refusal(read_table, written(tmp_path, as_jsonl(rows), "requests.jsonl"))
    assert "requests.jsonl:4: last_token_ts must not be before first_token_ts" in text
    rows = [{key: value for key, value in row.items() if key != "queued_ts"} for row in log_rows(50)]
    far = [row | {"arrival_time": row["arrival_time"] - 1e9} for row in rows]
    text = refusal(read_table, written(tmp_path, as_jsonl(far), "requests.jsonl"))
    assert "arrival_time and first_token_ts must tell one clock; add queued_ts" in text


def test_the_settings_beside_a_log_must_be_numbers(tmp_path):
    written(tmp_path, '{"engine_kwargs": {"max_num_seqs": "many"}}', "meta.json")
    file = written(tmp_path, as_jsonl(log_rows(50)), "requests.jsonl")
    text = refusal(read_table, file)
    assert "meta.json: engine_kwargs.max_num_seqs must be a whole number from 1, got 'many'" in text


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (batch_rows((1, 2), (128,), (128,)), "must have at least 8 different batches to tell the terms, got 2"),
        (batch_rows((4,), (128, 256, 512, 1024), (128, 256)), "has only batches of 4, from which what a request adds"),
        (batch_rows((1, 2, 3, 4, 5, 6, 7, 8), (128,), (128,)), "holds requests of one shape"),
    ],
)
def test_batches_that_cannot_tell_the_terms_are_refused(tmp_path, rows, rule):
    assert rule in refusal(fit, read_table(written(tmp_path, as_csv(rows))))


# -- measured data -----------------------------------------------------------------------------------------------------


def test_without_data_nothing_is_compared(tmp_path):
    found = validate(tmp_path)
    assert found["rows"] == []
    assert "perf/splitwise/perf_model.csv.gz" in found["not_found"]
    assert "must be a folder of measured data" in refusal(validate, tmp_path / "none")


@needs_data
@pytest.mark.slow
def test_simulation_agrees_with_what_was_measured():
    rows = validate(DATA)["rows"]
    missed = [(row["case"], row["quantity"], row["at"], row["error"]) for row in rows if row["pass"] is False]
    assert sum(row["pass"] is not None for row in rows) == 35
    assert missed == []
