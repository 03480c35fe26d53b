"""The command ``fleetecon``, and ``python -m sim``; an interrupt ends it also while its rooms are still read."""

import os
import sys


def main() -> None:
    """Read the command line's rooms, and run it."""
    try:
        from sim.doors.cli import main as command
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; nothing was begun\n")
        sys.stderr.flush()
        os._exit(130)
    command()


if __name__ == "__main__":
    main()
