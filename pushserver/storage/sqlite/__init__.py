"""The SQLite store: one process, one writer, no database server."""
