"""Which devices `devices list`, `watch` and `export` mean."""

from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from pushserver.cli.choices import choose
from pushserver.cli.pairs import tag_filter
from pushserver.model.device import DeviceState
from pushserver.model.device_filter import DeviceSort


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class DeviceFilters:
    """Which devices are meant."""

    state: str | None = None
    "Only those that are adopted, or quarantined."
    tag: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    "Only those with this tag, key=value; may be repeated: one of the values of each."
    search: str | None = None
    "Only those with this text in their name or id."

    def query_params(self) -> dict[str, Any]:
        """Return the filters as the API names them."""
        return {
            "state": self.state and choose(self.state, DeviceState, "state"),
            "tag": [tag_filter(each) for each in self.tag],
            "q": self.search,
        }


@Parameter(name="*")
@attrs.frozen(kw_only=True)
class DeviceListOptions(DeviceFilters):
    """Which devices are meant, and in which order."""

    online: Annotated[bool | None, Parameter(negative="--offline")] = None
    "Only those that are online; with --offline those that are not."
    sort: str | None = None
    "deviceId, name, lastSeenAt or queueDepth; with - before it from the largest on."

    def query_params(self) -> dict[str, Any]:
        """Return the filters and the order as the API names them."""
        own = {"online": self.online, "sort": self.sort and _choose_order(self.sort)}
        return super().query_params() | own


def _choose_order(sort: str) -> str:
    name = sort.removeprefix("-")
    minus = sort.removesuffix(name)
    return minus + choose(name, DeviceSort, "order")


DeviceFiltersArg = Annotated[DeviceFilters, Parameter(name="*")]
DeviceListArg = Annotated[DeviceListOptions, Parameter(name="*")]
#: The defaults where no option is given.
ANY_DEVICE = DeviceFilters()
ALL_DEVICES = DeviceListOptions()
