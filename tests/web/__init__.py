"""Tests of the faces, over a real server in this process."""
