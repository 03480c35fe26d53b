"""What levers are called: of several words for each the first that is no other lever's. Not here: the words."""

from collections import Counter
from collections.abc import Sequence


def settled(words: Sequence[Sequence[str]], longest: int) -> list[str]:
    """Choose a word for each: its first one; where two would have the same, the next one of both, and so on.

    Parameters
    ----------
    words : sequence of sequence of str
        What each may be called, the shorter the sooner; too long ones are passed over, the last is cut.
    longest : int
        Letters at most.
    """
    fitting = [[word for word in each if len(word) <= longest] or [each[-1][:longest]] for each in words]
    levels = [0] * len(fitting)
    while True:
        chosen = [each[level] for each, level in zip(fitting, levels, strict=True)]
        counts = Counter(chosen)
        again = [k for k, word in enumerate(chosen) if counts[word] > 1 and levels[k] + 1 < len(fitting[k])]
        if not again:
            return _numbered(chosen, longest)
        for k in again:
            levels[k] += 1


def _numbered(chosen: Sequence[str], longest: int) -> list[str]:
    """Give numbers to what is still called the same, from the second on."""
    found: list[str] = []
    for word in chosen:
        number, told = 1, word
        while told in found:
            number += 1
            told = f"{word[: longest - len(str(number)) - 1]}_{number}"
        found.append(told)
    return found
