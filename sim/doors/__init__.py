"""Where people come in: command line, live page, report, demo. Not here: any number that is not computed below."""

import os
import shlex


def called() -> str:
    """Tell how the user calls the program, for what is said to type next: ``./run`` in a checkout, else its name."""
    return shlex.quote(os.environ.get("FLEETECON_CALLED") or "fleetecon")
