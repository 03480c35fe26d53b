"""The report: a study as one HTML file for a person who decides. Not here: any number that is not in the results."""
