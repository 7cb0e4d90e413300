"""A run's configuration: each option with what it allows, the rules between options, and a run's identity."""
