"""What everything stands on: units, faults, files, dated facts, scenarios, tables of jobs. Not here: what jobs meet."""

__version__ = "1.0.0"
