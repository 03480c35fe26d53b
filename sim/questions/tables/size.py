"""A sized plan as text: the setting, its levels, the certificate of its neighbours, and what it took."""

from collections.abc import Iterator
from typing import Any

from sim.questions.tables.blocks import Block, Text, listed, note, table, title, warnings
from sim.questions.tables.plain import plain
from sim.questions.tables.rows import as_csv
from sim.questions.tables.words import (
    Json,
    Row,
    counted,
    number,
    percent,
    percent_with_interval,
    short_keys,
    with_interval,
)

_DEFINITIONS = """\
USD more: its bill above the one of the setting found, on the same sample paths. Levels: p95 of wait is over jobs that \
started or went to the API; available: of all jobs that came, those that start, or go to the API, in time (who still \
waits when the clock stops did not). Brackets: intervals that hold together at {confidence:g} %: each {each:.4g} %."""

_WHAT = {
    "wait_p95_h": "wait longer than {limit:g} h",
    "ttft_p95_s": "have their first token after {limit:g} s",
    "availability": "do not start within {limit:g} h",
    "not_started": "have not started when the clock stops",
    "undone": "are interrupted and not ended in twice the time they need",
    "late": "are answered after {limit:g} h",
}
_NAMES = {"wait_p95_h": "wait p95", "ttft_p95_s": "TTFT p95"}
_VERDICTS = {"dearer": "costs more", "alike": "as good", "misses a level": "misses a level", "cannot be": "cannot be"}


def size_text(result: Json) -> str:
    """Tell a sized plan in plain text, at most 80 columns wide."""
    return plain(size_blocks(result))


def size_blocks(result: Json) -> list[Block]:
    """Tell a sized plan: the setting, how sure it is, its levels, its neighbours, the work."""
    told = [each for each in result["levels"] if each["limit"] is not None or each["share_missed"].value]
    parts: list[Block] = [*_finding(result), *([_levels_table(told)] if told else [])]
    if result["neighbours"]:
        parts += _certificate(result)
    parts.append(Text(_work(result["work"])))
    each, confidence = 100 * result["confidence_of_each"], 100 * result["confidence"]
    parts.append(note(_DEFINITIONS.format(confidence=confidence, each=each)))
    return [*parts, *warnings(result["warnings"])]


def _finding(result: Json) -> Iterator[Block]:
    """Say which setting it is, or that none does the work, and how sure that is."""
    days, count = counted(result["horizon_days"], "day"), counted(result["replications"], "replication")
    head = f"{result['scenario']}, plan `{result['plan']}`: {days}, {count}, seed {result['seed']}"
    yield title(head)
    bounds = ", ".join(f"{_short(key, result)} {_bounds(each)}" for key, each in result["choices"].items())
    bill = with_interval(result["bill_usd"])
    if result["setting"] is None:
        reached = "; ".join(_reached(each) for each in result["levels"] if each["verdict"] != "met")
        best = f"the best, {_setting(result['nearest'], result)} for {bill} USD, reaches {reached}"
        unsure = all(each["verdict"] != "missed" for each in result["levels"])
        doubt = " That is not sure: give more replications with --most-reps." if unsure else ""
        yield Text(f"No setting does the work: {best}.{doubt}", "verdict")
        yield Text(f"Looked among: {bounds}.")
        return
    found = f"Cheapest setting that does the work: {_setting(result['setting'], result)}, {bill} USD."
    flags = " ".join(f"--set {key}={_value(value)}" for key, value in result["setting"].items())
    yield Text(f"{found}\n{_sure(result)}", "verdict")
    yield Text(f"Looked among: {bounds}.\nRun it with {flags}")


def _sure(result: Json) -> str:
    """Say whether it is sure, and if not, why not."""
    if result["sure"]:
        kinds = dict.fromkeys(each["verdict"] for each in result["neighbours"])
        words = [text for verdict, text in _REASONS.items() if verdict in kinds]
        return (
            f"Sure: each setting it was held against {' or '.join(words)}."
            if words
            else "Sure: it has no setting beside it."
        )
    doubts = [_level_doubt(each) for each in result["levels"] if each["verdict"] != "met"]
    doubtful = [each for each in result["neighbours"] if each["verdict"] == "not sure"]
    doubts += [f"of {_setting(each['setting'], result)}: {each['reason']}" for each in doubtful]
    return f"Not sure, because {'; '.join(doubts)}. Give more replications with --most-reps."


_REASONS = {
    "dearer": "costs more",
    "misses a level": "misses a level",
    "alike": "is cheaper by no more than what is indifferent",
    "cannot be": "cannot be",
}


def _level_doubt(level: Json) -> str:
    """Say which level the setting itself may miss."""
    most, found = percent(level["most"]), percent_with_interval(level["share_missed"])
    return f"{found} of `{level['job_class']}` {_words(level)}, and at most {most} may"


def _words(level: Json) -> str:
    """Say what a job does that misses a level."""
    if level["what"] == "availability" and level["limit"] is None:
        return "do not start before the clock stops"
    return _WHAT[level["what"]].format(limit=level["limit"])


def _reached(level: Json) -> str:
    """Say what the best setting makes of a level that it misses."""
    if level["what"] in _NAMES:
        unit = level["what"][-1]
        reached = f"{_NAMES[level['what']]} of {with_interval(level['percentile'])} {unit}"
        return f"{reached} for `{level['job_class']}` (at most {level['limit']:g} {unit} may pass)"
    found = percent_with_interval(level["share_missed"])
    return f"{found} of `{level['job_class']}` that {_words(level)} (at most {percent(level['most'])} may)"


def _levels_table(levels: list[Json]) -> Block:
    """Lay out the levels of the setting: what it reaches, and the verdict."""
    rows = []
    for each in levels:
        p95 = with_interval(each["percentile"]) if each["what"] in _NAMES else ""
        share = percent_with_interval(each["share_missed"])
        rows.append([f"`{each['job_class']}`: {_words(each)}", share, percent(each["most"]), p95, each["verdict"]])
    return table(["jobs or requests that", "here", "may", "p95", ""], rows, "wnnnw")


def _certificate(result: Json) -> Iterator[Block]:
    """Lay out the neighbours: how much more they cost, or which level they miss."""
    keys = list(result["choices"])
    rows = [_neighbour_row(each, keys) for each in result["neighbours"]]
    head = [*_heads(keys, result), "USD more", "verdict", "replications"]
    yield table(head, rows, "n" * len(keys) + "nwn", keys=len(keys))
    notes = dict.fromkeys(_missed(each, result) for each in result["neighbours"] if each["verdict"] == "misses a level")
    notes |= dict.fromkeys(_refused(each, result) for each in result["neighbours"] if each["verdict"] == "cannot be")
    yield from listed([*notes, f"Indifferent: {number(result['indifferent_usd'])} USD."])


def _neighbour_row(each: Json, keys: list[str]) -> Row:
    apart = each["dearer_usd"]
    usd = with_interval(apart) if apart.high is not None else f"at least {number(apart.low)}"
    usd = "" if apart.low is None and apart.value is None else usd
    verdict = _VERDICTS.get(each["verdict"], f"not sure: {each['reason']}")
    count = str(each["replications"]) if each["replications"] else "none needed"
    values = [_value(each["setting"][key]) for key in keys]
    return [*values, usd, verdict, "" if each["verdict"] == "cannot be" else count]


def _missed(each: Json, result: Json) -> str:
    """Say which level a neighbour misses."""
    level = next(level for level in each["levels"] if level["verdict"] == "missed")
    p95 = ""
    if level["what"] in _NAMES:
        p95 = f"; {_NAMES[level['what']]} {with_interval(level['percentile'])} {level['what'][-1]}"
    return f"{_setting(each['setting'], result)}: {_level_doubt(level)}{p95}."


def _refused(each: Json, result: Json) -> str:
    return f"{_setting(each['setting'], result)}: {each['reason']}."


def _work(work: Json) -> str:
    """Say what was simulated, beside every setting at the same replications."""
    whole = work["brute_force"]
    done = f"{work['settings']} settings, {work['replications']:,} replications, {_millions(work['jobs'])} jobs"
    all_ = f"{whole['settings']:,} settings, {whole['replications']:,} replications, {_millions(whole['jobs'])} jobs"
    return f"Simulated: {done}. Every setting at the same precision: {all_}, {number(1 / work['share'])} times as much."


def _millions(count: float) -> str:
    return f"{count / 1e6:.3g} million" if count >= 1e6 else f"{count:,.0f}"


def _heads(keys: list[str], result: Json) -> list[str]:
    """Name the columns of the keys: within the plan, or by their last parts where there are several."""
    return [_short(keys[0], result)] if len(keys) == 1 else short_keys(keys)


def _short(key: str, result: Json) -> str:
    """Name a key within its plan."""
    return key.removeprefix(f"plans.{result['plan']}.")


def _setting(setting: Json, result: Json) -> str:
    """Write a setting: ``held.gpu.nodes 3, patience_hours 4``."""
    return ", ".join(f"{_short(key, result)} {_value(value)}" for key, value in setting.items())


def _bounds(values: Any) -> str:
    if isinstance(values, dict):
        return f"{values['low']} to {values['high']}"
    return ", ".join(map(_value, values))


def _value(value: Any) -> str:
    if value is None:
        return "null"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _rows(result: Json) -> Iterator[list[Any]]:
    """Give the setting found and its neighbours, a row each."""
    found = [result["nearest"][key] for key in result["choices"]]
    yield [*found, "does the work" if result["setting"] else "misses a level", 0, "", "", result["replications"]]
    for each in result["neighbours"]:
        apart = each["dearer_usd"].as_json()
        ends = [apart["value"], apart["low"], apart["high"]]
        yield [*(each["setting"][key] for key in result["choices"]), each["verdict"], *ends, each["replications"]]


def size_csv(result: Json) -> str:
    """Write the certificate as CSV: the setting found, then each neighbour."""
    return as_csv([*result["choices"], "verdict", "dearer_usd", "low_usd", "high_usd", "replications"], _rows(result))
