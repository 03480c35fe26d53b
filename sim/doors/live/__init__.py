"""The live page: a scenario on sliders, answered while a hand is on them. Not here: any number of the answer's own."""
