"""What can be taken home from a position of the sliders: the scenario, which runs again as it is, and the result."""

import os
from collections.abc import Mapping
from pathlib import Path

from sim.doors.live.look import Look
from sim.ground.manifest import runnable_from
from sim.ground.scenario import Scenario


def position(look: Look, values: Mapping[str, float]) -> Scenario:
    """Give the scenario at a position of the sliders, with the seed of the answers.

    Raises
    ------
    InputError
        When a value, or a lever, is none.
    """
    return look.at(look.differing(values)).model_copy(update={"seed": look.seed})


def scenario_yaml(look: Look, values: Mapping[str, float], folder: str | os.PathLike[str] | None = None) -> str:
    """Write the scenario at a position out, every default in its place, so that it runs again as it is.

    Parameters
    ----------
    look : Look
        The scenario made ready.
    values : mapping of str to float
        By names of levers.
    folder : path, optional
        Where it will be run from; its files are named from there. Else beside the scenario's own file.
    """
    scenario = look.at(look.differing(values))
    return runnable_from(Path(scenario.folder if folder is None else folder), scenario, look.seed)


def result_csv(look: Look, values: Mapping[str, float], paths: int = 200) -> str:
    """Run the scenario at a position and write the result as a table: a row a number.

    Parameters
    ----------
    look, values
        As of `scenario_yaml`.
    paths : int
        Replications, over the whole horizon.
    """
    from sim.questions.tables import study_csv
    from sim.study import run

    return study_csv(run(position(look, values), paths, look.seed).result)
