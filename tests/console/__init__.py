"""Tests of the console in a real browser, in front of the real program."""
