"""Wire forms, both ways."""
