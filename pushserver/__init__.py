"""The command server for devices that can only poll."""

__version__ = "0.1.0"
