"""Tests of the console, without a browser: what it answers."""
