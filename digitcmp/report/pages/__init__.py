"""The document of a report: its tables, sections and files."""
