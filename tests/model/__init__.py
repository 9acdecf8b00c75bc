"""The domain: states, ids, lanes, devices."""
