"""An event that carries its rank: what happens first where several things happen at one instant."""

from typing import Any, cast

import simpy


class Moment(simpy.Event):
    """An event at a given instant and rank."""

    def __init__(self, env: simpy.Environment, instant: int, rank: int) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        env.schedule(self, priority=cast(Any, rank), delay=instant - env.now)
