"""Tests of the files in deploy/ for what runs and packs the program."""
