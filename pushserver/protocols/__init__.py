"""Protocols of devices: a folder for each vendor, all behind one class."""
