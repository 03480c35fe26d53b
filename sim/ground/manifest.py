"""What made a result, and whose folder it is: versions, seed, hashes. No time, no place: same run, same bytes."""

import hashlib
import json
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sim.ground import __version__
from sim.ground.faults import InputError
from sim.ground.files import sweep_up
from sim.ground.scenario import Scenario, resolved_yaml
from sim.ground.scenario.reads import READ, files_sha256
from sim.ground.store import FILE as STORE
from sim.ground.store import Store

FILE = "manifest.json"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def question(scenario: Scenario, vary: dict[str, Any] | None, verb: str | None = None) -> dict[str, Any]:
    """Tell one question from another: the scenario as stated, the bytes of its files, what is varied, what is asked.

    A run and a sweep have no verb: what is varied tells them apart.
    """
    return {
        "scenario": scenario.name,
        "scenario_sha256": _sha256(resolved_yaml(scenario, vary).encode()),
        "traces_sha256": files_sha256(scenario),
        "vary": None if vary is None else {key: list(values) for key, values in vary.items()},
        **({} if verb is None else {"verb": verb}),
    }


def claim(out: Path, scenario: Scenario, vary: dict[str, Any] | None = None, verb: str | None = None) -> None:
    """Refuse a folder that holds the results of another question, so that no two are mixed.

    Raises
    ------
    InputError
        With the folder and whose it is.
    """
    if (out / FILE).exists():
        _claim(out, _told(out), question(scenario, vary, verb))
    elif (out / STORE).exists():
        with Store(out, lambda _: None) as store:
            _claim(out, store.about.get("question", {}), question(scenario, vary, verb))


def claim_finished(out: Path, scenario: Scenario, vary: dict[str, Any] | None = None) -> None:
    """Refuse what ``hold`` would refuse of a run or a sweep that came to its end, without opening the store."""
    if told := _told(out):
        _claim(out, told, question(scenario, vary))


def hold(out: Path, scenario: Scenario, vary: dict[str, Any] | None, tell: Callable[[str], None]) -> Store:
    """Open the store of a run's or a sweep's folder, unless the folder holds the results of another question.

    Raises
    ------
    InputError
        As ``claim`` does, and when another process uses the folder or the store cannot be opened.
    """
    claim_finished(out, scenario, vary)
    store = Store(out, tell)
    try:
        kept = store.about.get("question")
        if kept is not None:
            _claim(out, kept, question(scenario, vary))
        elif (out / FILE).exists() and not _told(out):  # damaged, and nothing else tells whose folder it is
            _claim(out, {}, question(scenario, vary))
        sweep_up(out)
    except BaseException:
        store.close()
        raise
    return store


def _told(out: Path) -> dict[str, Any]:
    """Read what a folder's manifest tells; nothing where there is none, or where it is damaged."""
    try:
        found = json.loads((out / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _claim(out: Path, told: dict[str, Any], asked: dict[str, Any]) -> None:
    """Refuse another question than that which was asked before."""
    asked = {"verb": None} | asked
    if not all(told.get(key) == value for key, value in asked.items()):
        owner = told.get("scenario", "unknown")
        text = f"holds the results of another question (scenario `{owner}`); choose another folder, or remove it"
        raise InputError.one(str(out), text)


def manifest(scenario: Scenario, result: dict[str, Any], verb: str | None = None) -> dict[str, Any]:
    """Describe where a result comes from.

    Parameters
    ----------
    scenario : Scenario
        As it was stated.
    result : dict
        Of a run, a sweep or what else is asked.
    verb : str, optional
        What is asked, where it is neither a run nor a sweep.
    """
    packages = ("numpy", "scipy", "numba", "simpy")
    first = result["cells"][0]["result"] if "cells" in result else result
    return {
        "program": f"fleetecon {__version__}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        **question(scenario, result.get("vary"), verb),
        "seed": first["seed"],
        "replications": first["replications"],
        **{key: first[key] for key in ("futures",) if key in first},
    }


def runnable_from(out: Path, scenario: Scenario, seed: int, vary: dict[str, Any] | None = None) -> str:
    """Write a scenario out so that it gives the same results when it is run from a folder: with its seed and files."""

    def moved(each: Any) -> Any:
        """Let something find its files from the folder."""
        for key in READ:
            part = getattr(each, key, None)
            if part is not None and part.file is not None:
                file = os.path.relpath(scenario.folder / part.file, out)
                each = each.model_copy(update={key: part.model_copy(update={"file": file})})
        return each

    workload = {name: moved(each) for name, each in scenario.workload.items()}
    plans = {
        name: plan.model_copy(update={"hired": {group: moved(each) for group, each in plan.hired.items()}})
        for name, plan in scenario.plans.items()
    }
    return resolved_yaml(scenario.model_copy(update={"seed": seed, "workload": workload, "plans": plans}), vary)
