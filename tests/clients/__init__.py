"""Clients that generators make of the API's description, before the real program."""
