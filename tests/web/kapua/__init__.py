"""Tests of the face for Kapua's clients."""
