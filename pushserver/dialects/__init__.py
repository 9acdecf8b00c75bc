"""Wire formats of programs, webhooks and Kapua's clients: pure functions."""
