"""Keeping things: the promise (`base`) and the stores that keep it."""
