"""Group commit: lanes are locked and read, decisions taken, and all of it written."""
