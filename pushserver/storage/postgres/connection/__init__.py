"""Connections to PostgreSQL, each on its own thread: timeouts, clock, schema."""
