"""Sessions of the replications: how many turns each has, how long its user thinks, what a turn repeats.

Not here: when the later turns come (``study.sessions``), for the plan decides it.
"""

from collections.abc import Sequence

import numpy as np

from sim.engine.workload.draws import Draws, Open
from sim.ground.compiled import kernel
from sim.ground.requests import Turns
from sim.ground.scenario.sessions import Sessions
from sim.ground.units import SECONDS_PER_HOUR, Ticks, to_ticks


def drawn_turns(law: Sessions, begun: Ticks, open_stream: Open, source: str) -> Turns:
    """Draw the turns of the sessions of one class in one replication, session by session.

    Parameters
    ----------
    begun : int64[s]
        Instants at which sessions begin.
    """
    counts = Draws(law.turns, open_stream, f"{source}/turns").take(len(begun)).astype(np.int64)
    session = np.repeat(np.arange(len(begun)), counts)
    turn = np.arange(len(session)) - np.repeat(np.cumsum(counts) - counts, counts)
    think = np.zeros(len(session), np.int64)
    later = np.flatnonzero(turn)
    think[later] = to_ticks(Draws(law.think_s, open_stream, f"{source}/think").take(len(later)) / SECONDS_PER_HOUR)
    return Turns(session, turn, think)


def joined_turns(parts: Sequence[Turns]) -> Turns:
    """Put turns one after the other."""
    columns = ("session", "turn", "think")
    return Turns(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))


@kernel
def _continue(turn: Ticks, history: bool, prompt: Ticks, output: Ticks, adapter: Ticks, cached: Ticks) -> None:
    """Let each later turn keep the adapter of its session, and repeat the conversation before it."""
    for k in range(len(turn)):
        if turn[k] > 0:
            adapter[k] = adapter[k - 1]
            if history:
                cached[k] = prompt[k - 1] + output[k - 1]
                prompt[k] += cached[k]


def continue_sessions(law: Sessions, turns: Turns, prompt: Ticks, output: Ticks, adapter: Ticks, cached: Ticks) -> None:
    """Make sessions of turns that were drawn one by one, in place: one adapter, and with history one conversation.

    The prompt of a turn is then the prompt and the output of the one before, which are cached, and what is newly asked.
    """
    _continue(turns.turn, bool(law.history), prompt, output, adapter, cached)
