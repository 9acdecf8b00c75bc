"""Programs that use the client, for mypy to judge."""
