"""Tests of what devices get."""
