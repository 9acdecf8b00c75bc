"""A scope: a tenant. What belongs to one is neither seen nor changed by another."""

import attrs

#: The scope that exists from the start; many servers need no other. It also has the
#: quarantined devices.
DEFAULT_SCOPE_ID = 1
#: The name of the first scope.
DEFAULT_SCOPE_NAME = "default"


@attrs.frozen(kw_only=True)
class Scope:
    """A tenant. `created_at` is in microseconds UTC."""

    id: int
    name: str
    created_at: int
