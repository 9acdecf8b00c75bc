"""A scope: a tenant. What belongs to one is neither seen nor changed by another."""

import attrs

#: Who needs one scope only never sees that there are others. Devices in quarantine,
#: which nobody has claimed yet, are seen here.
DEFAULT_SCOPE_ID = 1
#: What the first scope is called.
DEFAULT_SCOPE_NAME = "default"


@attrs.frozen(kw_only=True)
class Scope:
    """A tenant. `created_at` is in microseconds UTC."""

    id: int
    name: str
    created_at: int
