"""The runs of some folders as tables: read, completed, grouped into cells."""
