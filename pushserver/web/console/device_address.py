"""Where a device has to call: as it is typed, scanned, or sent to it."""

from io import BytesIO

import attrs
import segno
from markupsafe import Markup

from pushserver.model.order import Order
from pushserver.protocols.base import DeviceProtocol


@attrs.frozen
class DeviceAddress:
    """The address for a device's settings, and the order that sets it."""

    url: str
    order: Order

    @classmethod
    def of(
        cls, protocol: DeviceProtocol, base: str | None, key: str | None = None
    ) -> "DeviceAddress | None":
        """Return that of a device with *key*; None if the server's is unknown."""
        if base is None:
            return None
        url = base if key is None else f"{base}/d/{key}"
        return cls(url, protocol.address_order(url))

    @property
    def qr(self) -> Markup:
        """The address as a QR code: SVG, dark on light in either theme."""
        written = BytesIO()
        segno.make(self.url, micro=False).save(
            written,
            kind="svg",
            xmldecl=False,
            svgns=False,
            scale=4,
            light="#fff",
            svgclass="qr",
            lineclass=None,
        )
        # It is made of numbers alone: the address itself does not stand in it.
        return Markup(written.getvalue().decode())  # noqa: S704
