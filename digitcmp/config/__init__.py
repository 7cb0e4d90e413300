"""A run's configuration: the options and their allowed values, the rules between options, and the run's identity."""
