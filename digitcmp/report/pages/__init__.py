"""The document of a report: its tables, its sections, and the files they are written to."""
