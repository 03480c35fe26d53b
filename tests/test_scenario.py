"""Scenarios: what is read as meant, what is refused and in which words."""

import math

import pytest
from worlds import ARTICLE, scenario

from sim.ground.faults import InputError
from sim.ground.scenario import build, load, parse_setting, read_tree, resolved_yaml, with_settings
from sim.ground.scenario.laws import law_mean
from sim.ground.scenario.tree import read_text


def refusals(text: str = ARTICLE, settings: dict | None = None) -> list[str]:
    """The faults of a scenario, one a line."""
    with pytest.raises(InputError) as refused:
        scenario(text, settings)
    return [str(fault) for fault in refused.value.faults]


def test_the_article_as_read():
    article = scenario()
    tuning, reserved = article.workload["tuning"], article.plans["reserved"]
    assert (article.horizon_hours, article.counted_hours, article.confidence) == (8760, 8760, 0.95)
    assert (tuning.mean_service_hours, tuning.offered_gpus(1.0), article.offered_gpus) == (2, 4, 4)
    assert (reserved.nodes, reserved.gpus_per_node, reserved.gpus) == (1, 8, 8)
    assert [entry.value for entry in reserved.inputs(article.price_date)] == [19.22, 200000]
    assert article.allocation.rule == "gpu_time"
    assert article.allocation.window_days == 30


def test_a_scenario_is_frozen():
    article = scenario()
    with pytest.raises(Exception, match="frozen"):
        article.horizon_days = 1


def test_every_default_written_out_reads_back_as_the_same_scenario():
    article = scenario()
    text = resolved_yaml(article)
    assert scenario(text) == article
    for key in (
        "allocation",
        "window_days: 30.0",
        "confidence: 0.95",
        "not_started_share: 0.01",
        "overhead_usd_per_year",
    ):
        assert key in text
    assert resolved_yaml(scenario(text)) == text


def test_all_faults_of_a_file_at_once_each_with_its_line_and_value(tmp_path):
    file = tmp_path / "too_cheap.yaml"
    text = ARTICLE.replace("arrivals:", "arivals:").replace("nodes: 1", "nodes: -3").replace("365", "soon")
    file.write_text(text)
    with pytest.raises(InputError) as refused:
        load(file)
    assert [str(fault) for fault in refused.value.faults] == [
        f"{file}:3: horizon_days must be a number from 1e-09 to 1e+06, got 'soon'; "
        "write the number alone, its unit is in the key's name",
        f"{file}:8: workload.tuning.arivals is not a key here; did you mean `arrivals`?",
        f"{file}:14: plans.reserved.held.p4d.nodes must be a whole number from 0 to 100000, got -3",
    ]


@pytest.mark.parametrize(
    ("key", "value", "refusal"),
    [
        ("workload.tuning.arrivals.law", "poison", "must have a known law; did you mean `poisson`?"),
        ("workload.tuning.arrivals", 6, "workload.tuning.arrivals must be a mapping of keys, got 6"),
        ("workload.tuning.kind", "finetune", "workload.tuning must have a known kind; did you mean `fine_tune`?"),
        ("workload.tuning.service_hours", 2, "must have exactly one of `service_hours`, `hours_per_million_tokens`"),
        (
            "workload.tuning.tokens_per_second",
            9,
            "must have only one of `hours_per_million_tokens`, `tokens_per_second`",
        ),
        (
            "workload.tuning.arrivals.mean_hours",
            9,
            "must have exactly one of `rate_per_day`, `rate_per_second`, `mean_hours`",
        ),
        ("workload.tuning.arrivals.batch", 1.5, "must have a batch of whole numbers >= 1"),
        ("workload", {}, "workload must have at least 1 entry"),
        ("plans", {}, "plans must have at least 1 entry"),
        ("plans.nothing", {}, "plans.nothing must buy something: give it `held`, `hired` or `api`"),
        ("plans.reserved.held.p4d.instance", "p4d.24xl", "got 'p4d.24xl'; did you mean `p4d.24xlarge`?"),
        (
            "plans.reserved.held.p4d.rate",
            "reserved_3y",
            "must have a rate of the price book for p4d.24xlarge, got 'reserved_3y'",
        ),
        (
            "workload.tuning.tokens_millions",
            None,
            "must have `tokens_millions`, because `hours_per_million_tokens` needs",
        ),
        ("plans.reserved.held.p4d", {"gpus": 8, "rate": "on_demand", "nodes": 1}, "must have `instance` with `rate`"),
        (
            "plans.reserved.staff.source",
            "bell \a",
            "plans.reserved.staff.source must be text without control characters",
        ),
        ("plans.reserved.staff.source", "x" * 301, "plans.reserved.staff.source must be at most 300 characters long"),
        (
            "plans.reserved.held.p4d.gpus",
            8,
            "must have exactly one of `instance`, `gpus`, `server`, got instance and gpus",
        ),
        ("plans.reserved.held.p4d.usd_per_node_h", 8, "must have exactly one of `rate`, `usd_per_node_h`"),
        (
            "plans.reserved.patience_hours",
            4,
            "must have nodes for fine-tunes (held, hired or lent) and an `api` that trains to overflow to",
        ),
        ("plans.reserved.backfill", 1, "plans.reserved.backfill"),
        ("plans.api.api.offer", "openai", "must have an offer of the price book, got 'openai'"),
        ("plans.api.api.usd_per_job", 8, "must have exactly one of `offer`, `usd_per_million_tokens`, `usd_per_job`"),
        ("plans.reserved.staff.nodes_per_engineer", 8, "must have exactly one of `engineers`, `nodes_per_engineer`"),
        (
            "price_date",
            "2019-01-01",
            "must have prices for price_date 2019-01-01: no reserved_1y price of p4d.24xlarge",
        ),
        ("price_date", "yesterday", "price_date must be a date like 2023-10-01"),
        ("allocation.rule", "fair", "allocation.rule must be 'gpu_time', 'equal' or 'platform', got 'fair'"),
        ("name", "The Article", "name must be a slug of a-z, 0-9 and _, at most 60 long, got 'The Article'"),
        ("confidence", 1, "confidence must be a number from 0.5 to 0.9999, got 1"),
        (
            "equal_work.not_started_share",
            1.01,
            "equal_work.not_started_share must be 0 or a number from 1e-09 to 1, got 1.01",
        ),
    ],
)
def test_refusals_in_their_words(key, value, refusal):
    found = refusals(settings={key: value})
    assert any(refusal in line for line in found), found
    assert all(line.startswith(("--set: ", "world.yaml")) for line in found)


def test_two_sizes_of_held_nodes_are_refused():
    held = {"a": {"gpus": 8, "usd_per_node_h": 1, "nodes": 1}, "b": {"gpus": 4, "usd_per_node_h": 1, "nodes": 1}}
    assert (
        "plans.reserved must have nodes of one size for fine-tunes, held, hired and lent alike, got 4 GPUs and 8"
        in refusals(settings={"plans.reserved.held": held})[0]
    )


def test_an_api_priced_by_tokens_needs_tokens():
    own = {"kind": "fine_tune", "arrivals": {"law": "poisson", "rate_per_day": 1}, "service_hours": 1, "gpus": 8}
    found = refusals(settings={"workload.evals": own})
    assert found == [
        "world.yaml:19: plans.api.api must be priced by job or service hour, because class `evals` has no tokens"
    ]


@pytest.mark.parametrize(
    ("rows", "extra", "refusal"),
    [
        ([{"arrival_hours": 0}], {}, "must give job 0 `service_hours`, or `tokens_millions` and the class"),
        ([{"arrival_hours": 0, "service_hours": 1}], {"service_hours": 1}, "must have no `service_hours` law"),
        (
            [{"arrival_hours": -1, "service_hours": 1}],
            {},
            "arrival_hours must be 0 or a number from 1e-09 to 1e+08, got -1",
        ),
        (
            [{"arrival_hours": 0, "service_hours": 1, "gpu": 1}],
            {},
            "jobs.0.gpu is not a key here; did you mean `gpus`?",
        ),
        ([{"arrival_hours": 0, "service_hours": 1, "gpus": 9}], {}, "jobs of 9 GPUs fit no whole number of its nodes"),
    ],
)
def test_refusals_of_listed_jobs(rows, extra, refusal):
    found = refusals(settings={"workload.tuning": {"kind": "fine_tune", "jobs": rows, **extra}})
    assert any(refusal in line for line in found), found


@pytest.mark.parametrize(
    ("law", "refusal"),
    [
        ({"law": "hyperexponential", "means": [1, 2]}, "must have `weights` and `means` together"),
        ({"law": "hyperexponential", "cv": 2}, "must have `mean` and `cv`, or `weights` and `means`"),
        ({"law": "hyperexponential", "cv": 2, "means": [1]}, "must have exactly one of `cv`, `means`"),
        ({"law": "weibull", "mean": 1}, "workload.tuning.tokens_millions.shape is missing"),
        ({"law": "weibull", "mean": 1, "shape": 0.05}, "shape must be a number from 0.1 to 20, got 0.05"),
        ({"law": "weibull", "mean": 1, "shape": 21}, "shape must be a number from 0.1 to 20, got 21"),
    ],
)
def test_refusals_of_mixtures(law, refusal):
    found = refusals(settings={"workload.tuning.tokens_millions": law})
    assert any(refusal in line for line in found), found


def test_a_trace_needs_a_size():
    trace = {"kind": "fine_tune", "trace": {"file": "x.csv", "columns": {"tokens": "n"}}}
    assert "must have `trace.columns.service`, or `trace.columns.tokens` and" in refusals(
        settings={"workload.tuning": trace}
    )[0]  # fmt: skip


@pytest.mark.parametrize(
    ("law", "mean"),
    [
        (3, 3),
        ({"law": "exponential", "mean": 2}, 2),
        ({"law": "weibull", "mean": 5, "shape": 0.7}, 5),
        ({"law": "empirical", "values": [1, 2, 6]}, 3),
        ({"law": "empirical", "values": [1, 2], "weights": [0.25, 0.75]}, 1.75),
        ({"law": "hyperexponential", "mean": 4, "cv": 2}, 4),
        ({"law": "hyperexponential", "weights": [0.5, 0.5], "means": [1, 3]}, 2),
    ],
)
def test_means_of_size_laws(law, mean):
    article = scenario(settings={"workload.tuning.tokens_millions": law})
    assert law_mean(article.workload["tuning"].tokens_millions) == mean


def test_balanced_hyperexponential_by_hand():
    # cv 2: p = (1 + sqrt(3/5)) / 2; both phases carry half of the mean, and the second moment gives cv 2 back.
    law = scenario(settings={"workload.tuning.tokens_millions": {"law": "hyperexponential", "mean": 1, "cv": 2}})
    weights, means = law.workload["tuning"].tokens_millions.phases()
    assert weights[0] == pytest.approx((1 + math.sqrt(0.6)) / 2, rel=1e-15)
    assert [weight * mean for weight, mean in zip(weights, means, strict=True)] == pytest.approx([0.5, 0.5], rel=1e-15)
    second = sum(2 * weight * mean**2 for weight, mean in zip(weights, means, strict=True))
    assert math.sqrt(second - 1) == pytest.approx(2, rel=1e-14)


def test_tokens_per_second_and_setup():
    one = ARTICLE.replace("hours_per_million_tokens: 2", "tokens_per_second: 100\n    setup_hours: 0.5")
    assert scenario(one).workload["tuning"].mean_service_hours == pytest.approx(1e6 / 360000 + 0.5, rel=1e-15)


def test_a_rate_counts_batches():
    article = scenario(settings={"workload.tuning.arrivals.batch": {"law": "geometric", "mean": 3}})
    assert article.workload["tuning"].arrivals.jobs_per_hour == 0.75
    assert article.offered_gpus == 12


def test_head_count_rounds_up():
    staff = {"nodes_per_engineer": 4, "usd_per_year": 1}
    article = scenario(settings={"plans.reserved.staff": staff, "plans.reserved.held.p4d.nodes": 9})
    assert article.plans["reserved"].staff.head_count(article.plans["reserved"].nodes) == 3


def test_prices_of_a_date():
    now = scenario(settings={"plans": {"rent": {"hired": {"p4d": {"instance": "p4d.24xlarge", "rate": "on_demand"}}}}})
    plan = now.plans["rent"]
    assert plan.inputs(now.price_date)[0].value == 32.7726
    assert plan.inputs(None)[0].value == 21.957642


def test_settings_are_read_as_yaml():
    assert parse_setting("a.b=1e3") == ("a.b", 1000.0)
    assert parse_setting("a=[1, 2]") == ("a", [1, 2])
    assert parse_setting("a={law: poisson}") == ("a", {"law": "poisson"})
    assert parse_setting("a=") == ("a", None)
    assert parse_setting("a=b=c") == ("a", "b=c")
    with pytest.raises(InputError, match="--set: must be key=value, got 'rate'"):
        parse_setting("rate")


def test_settings_make_the_mappings_on_their_way_and_find_list_entries():
    tree = read_text("a: {}\nrows: [{x: 1}, {x: 2}]", "f")
    with_settings(tree, {"a.b.c": 1, "rows.1.x": 9})
    assert tree.values == {"a": {"b": {"c": 1}}, "rows": [{"x": 1}, {"x": 9}]}
    with_settings(tree, {"rows.0": 7, "a.0": 5, "a.²": 6})
    assert tree.values == {"a": {"b": {"c": 1}, "0": 5, "²": 6}, "rows": [7, {"x": 9}]}


def test_settings_are_not_changed_by_later_ones_that_lead_into_them():
    given = {"plans": {"api": {"api": {"usd_per_job": 5}}}, "plans.api.api.usd_per_job": 7}
    assert scenario(ARTICLE, given).plans["api"].api.usd_per_job == 7
    assert given["plans"] == {"api": {"api": {"usd_per_job": 5}}}


@pytest.mark.parametrize(
    ("key", "refusal"),
    [
        ("rows.x", r"rows\.x, step `x`: must be the number of an entry from 0 to 1$"),
        ("rows.foo.0.x", r"rows\.foo\.0\.x, step `foo`: must be the number of an entry from 0 to 1$"),
        ("rows.2", r"rows\.2, step `2`: must be the number of an entry from 0 to 1$"),
        ("rows.-1.x", r"rows\.-1\.x, step `-1`: must be"),
        ("rows.².x", r"rows\.²\.x, step `²`: must be"),
        ("rows." + "9" * 5000, r"rows\.9{195}, step `9{80}`: must be the number of an entry"),
        ("none.0", r"none\.0, step `0`: must be the number of an entry of a list that has none$"),
        ("rows.0.x.y.z", r"rows\.0\.x\.y\.z, step `y`: leads into a value that has no keys, 1$"),
    ],
)
def test_a_setting_is_refused_at_its_first_step_that_leads_nowhere(key, refusal):
    tree = read_text("rows: [{x: 1}, {x: 2}]\nnone: []", "f")
    with pytest.raises(InputError, match=f"^--set: {refusal}"):
        with_settings(tree, {key: 1})


def test_names_of_digits_can_be_set():
    text = ARTICLE.replace("  api:\n", "  123:\n").replace("  tuning:\n", "  7:\n")
    found = scenario(text, {"workload.7.gpus": 4, "plans.123.api": {"usd_per_job": 5}, "plans.123.api.usd_per_job": 6})
    assert found.workload["7"].gpus == 4
    assert found.plans["123"].api.usd_per_job == 6
    assert refusals(text, {"workload.7.gpus": 0})[0].startswith("--set: workload.7.gpus must be")


def test_a_setting_with_an_odd_step_is_refused():
    assert refusals(settings={"workload.²": 1})[0].startswith("--set: the name '²' must be a slug")


def test_a_settings_fault_names_the_setting_and_not_a_line():
    assert refusals(settings={"horizon_days": -1})[0].startswith("--set: horizon_days must be")
    law = {"workload.tuning.arrivals": {"law": "poisson", "rate_per_day": -1}}  # the file has a rate there, too
    assert refusals(settings=law)[0].startswith("--set: workload.tuning.arrivals.rate_per_day must be")


def test_file_names_start_from_the_folder_of_the_scenario(tmp_path):
    (tmp_path / "a.yaml").write_text(ARTICLE)
    assert load(tmp_path / "a.yaml").folder == tmp_path
    assert build(read_tree(tmp_path / "a.yaml")) == scenario()


def test_a_file_that_is_not_there():
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot be read: No such file or directory$"):
        load("nowhere.yaml")


def test_a_file_that_is_named_without_its_end(tmp_path):
    (tmp_path / "a.yaml").write_text(ARTICLE)
    with pytest.raises(InputError, match=r"a: cannot be read: No such file or directory; did you mean `.*a\.yaml`\?$"):
        load(tmp_path / "a")
