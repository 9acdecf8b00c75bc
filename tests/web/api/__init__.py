"""Tests of what programs get."""
