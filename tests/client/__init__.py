"""The client as a library, before the real program."""
