"""Connections to PostgreSQL, each on a thread of its own, and what they look after."""
