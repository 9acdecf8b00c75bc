"""The statements of every store, in SQL that SQLite and PostgreSQL understand alike."""
