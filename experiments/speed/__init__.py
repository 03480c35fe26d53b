"""What `experiments/benchmark.py` measures, a table a module. Each has ``measure(work, tell)`` and ``text(told)``.

``measure`` gives what goes into benchmark.json; ``text`` lays just that out for people.
"""
