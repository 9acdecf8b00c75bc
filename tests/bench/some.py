"""Service times that tests make up."""

import attrs

from bench.simulate.times import Times


def some_times(**seconds: float) -> Times:
    """Return times that are all nothing but these."""
    return Times(**dict.fromkeys(attrs.fields_dict(Times), 0.0) | seconds)
