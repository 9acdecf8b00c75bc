"""Tests of the real program, in a process of its own."""
