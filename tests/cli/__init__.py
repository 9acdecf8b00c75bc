"""The command line, and `doctor` and `simulate` behind it."""
