"""Protocols of devices: a folder for each vendor; `base` is their interface."""
