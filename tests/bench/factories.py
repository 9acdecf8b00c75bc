"""Service times that tests make up."""

import attrs

from bench.simulate.times import ServiceTimes


def some_times(**seconds: float) -> ServiceTimes:
    """Return times that are all nothing but these."""
    return ServiceTimes(**dict.fromkeys(attrs.fields_dict(ServiceTimes), 0.0) | seconds)
