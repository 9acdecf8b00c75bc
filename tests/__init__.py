"""Tests: they mirror the package; e2e runs the real program."""
