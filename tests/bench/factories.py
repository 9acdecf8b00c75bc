"""Service times that tests make up."""

import attrs

from bench.simulate.times import ServiceTimes


def some_times(**seconds: float) -> ServiceTimes:
    """Return service times that are zero except for these."""
    return ServiceTimes(**dict.fromkeys(attrs.fields_dict(ServiceTimes), 0.0) | seconds)
