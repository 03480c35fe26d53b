"""Run a command in a process of its own, and write to a file what it took. Nothing but the standard library.

    python -I -S timed.py REPORT COMMAND [ARGUMENTS...]

It stands between the benchmark and what is measured because Linux counts as a process's peak also what the one that
began it had in memory: here that is a bare Python of some 10 MB.
"""

import json
import os
import sys
import time

report, *command = sys.argv[1:]
began = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ)
_, status, usage = os.wait4(child, 0)
took = {
    "wall_s": time.perf_counter() - began,
    "processor_s": usage.ru_utime + usage.ru_stime,
    "peak_bytes": usage.ru_maxrss * 1024,
}
with open(report, "w", encoding="utf-8") as file:
    json.dump(took, file)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
