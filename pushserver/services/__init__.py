"""Use cases of devices, programs and workers. No HTTP, no SQL."""
