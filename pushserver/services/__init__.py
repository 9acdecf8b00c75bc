"""Use cases: what devices, programs and time itself may ask for. No HTTP, no SQL."""
