"""The statements of every store, in SQL that both SQLite and PostgreSQL understand."""
