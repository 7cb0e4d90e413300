"""Which runs a sweep is, and training them until all are done."""
