"""The SQLite store: one process, one writer, nothing else to run."""
