"""Tests of the wire forms, in both directions."""
