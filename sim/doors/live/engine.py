"""What the live page computes with: the answer to a position of the sliders, and what can be downloaded of it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.doors.live.look import Look
    from sim.ground.scenario import Scenario


class RealEngine:
    """The project's own engine; its parts are imported when they are first asked for."""

    def look(self, scenario: "Scenario", text: str) -> "Look":
        """Make a scenario ready."""
        from sim.doors.live.look import look

        return look(scenario, text)

    def answer(
        self,
        look: "Look",
        values: Mapping[str, float],
        paths: int | None,
        superseded: Callable[[], bool],
        curve: str | None,
    ) -> dict[str, Any]:
        """Answer one position of the sliders."""
        from sim.doors.live.answer import answer

        return answer(look, values, paths, superseded, curve)

    def scenario(self, look: "Look", values: Mapping[str, float]) -> str:
        """Write the scenario at one position of the sliders, as YAML."""
        from sim.doors.live.downloads import scenario_yaml

        return scenario_yaml(look, values)

    def table(self, look: "Look", values: Mapping[str, float], paths: int) -> str:
        """Write the whole result of one position of the sliders, as CSV."""
        from sim.doors.live.downloads import result_csv

        return result_csv(look, values, paths)

    def report(self, look: "Look", values: Mapping[str, float], paths: int) -> str:
        """Write the report of one position of the sliders, as HTML."""
        from sim.doors.live.downloads import position
        from sim.doors.report import gather, report

        return report(gather(position(look, values), replications=paths))
