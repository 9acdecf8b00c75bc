"""Background work: each worker repeats one function."""
