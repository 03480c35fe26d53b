"""Where people come in: command line, live page, report, demo. Not here: any number that is not computed below."""
