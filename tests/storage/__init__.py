"""One suite over every store, and what is one store's own."""
