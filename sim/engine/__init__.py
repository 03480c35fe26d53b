"""From a scenario to priced rows: work is drawn, served and charged. Not here: replications, estimates."""
