"""Servers over one database: their notices, their locks, and which of them leads."""
