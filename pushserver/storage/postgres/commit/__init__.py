"""Group commit: locks and reads lanes, runs decisions, and writes their changes."""
