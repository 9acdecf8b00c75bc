"""Wire forms of devices and applications: pure functions, both ways."""
