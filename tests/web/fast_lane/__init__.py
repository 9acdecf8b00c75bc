"""The fast lane: that nothing but speed differs, and its bounds."""
