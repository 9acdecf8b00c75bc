"""Tests of what is counted and measured."""
