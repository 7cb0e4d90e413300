"""A run on disk: its folder, its result, the code that made it and its checkpoint."""
