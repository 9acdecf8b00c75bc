"""Random histories of devices and programs, and what holds after each of them."""
