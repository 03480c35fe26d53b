"""From a benchmark table to the profile of a replica: the one door to the three ways of fitting."""

from sim.questions.fit.batches import fit_batches
from sim.questions.fit.fitted import Fitted, Options
from sim.questions.fit.logs import fit_log
from sim.questions.fit.rates import fit_rates
from sim.questions.fit.tables import RateTable, RequestLog, Table


def fit(table: Table, options: Options | None = None) -> Fitted:
    """Find the terms of a replica from a benchmark table, and how far they are off on what was held out.

    Parameters
    ----------
    table : RateTable, RequestLog or BatchTable
        As ``read_table`` gives it.
    options : Options, optional
        What the table does not say.

    Returns
    -------
    Fitted
        The same each time, whatever the number of threads.

    Raises
    ------
    InputError
        When the table cannot tell the terms, with the reason and a way out.
    """
    options = options or Options()
    if isinstance(table, RateTable):
        return fit_rates(table, options)
    return fit_log(table, options) if isinstance(table, RequestLog) else fit_batches(table, options)
