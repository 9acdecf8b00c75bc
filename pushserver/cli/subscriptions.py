"""`pushserver subscriptions`: who is told of events, and how that goes."""

from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from pushserver.cli.here import Here, InHere
from pushserver.cli.wanted import AS_IT_IS, PLAIN, GivenChanges, GivenWishes
from pushserver.client import Json, every

app = App(
    name="subscriptions",
    help="Have events posted to a URL; see how that goes, and send again.",
)

COLUMNS = ("id", "url", "events", "format", "state", "pending", "dead")
DELIVERIES = ("id", "type", "deviceId", "state", "attempts", "nextAt", "last")


@app.command(name="list")
@app.default
async def list_(*, here: InHere) -> int:
    """List the subscriptions, oldest first."""
    async with here.client() as client:
        found = (await client.subscriptions())["items"]
    here.table(found if here.json else map(_row, found), COLUMNS)
    return 0


@app.command
async def make(
    url: str,
    /,
    *,
    event: Annotated[tuple[str, ...], Parameter(negative=())],
    format: Literal["native", "iotda", "oceanconnect"] | None = None,  # noqa: A002 - it is the option's name
    wishes: GivenWishes = PLAIN,
    here: InHere,
) -> int:
    """
    Have events posted to a URL; the secret is shown this once.

    pushserver subscriptions make https://example.com/hook --event command.status

    Parameters
    ----------
    url
        Where events are posted to.
    event
        What is told, such as command.status; may be repeated. In the format
        oceanconnect also by the platform's names.
    format
        native, or iotda or oceanconnect for the bodies of Huawei's platforms.
    wishes
        How it is told, and of which devices.
    """
    fields = wishes.fields() | ({} if format is None else {"format": format})
    async with here.client() as client:
        _show(here, await client.subscribe(url, event, **fields))
    return 0


@app.command
async def show(subscription_id: str, /, *, here: InHere) -> int:
    """Show one subscription, and how it does."""
    async with here.client() as client:
        _show(here, await client.subscription(subscription_id))
    return 0


@app.command
async def change(
    subscription_id: str, /, *, changes: GivenChanges = AS_IT_IS, here: InHere
) -> int:
    """Change what is given of a subscription; the rest stays."""
    fields = changes.fields()
    async with here.client() as client:
        _show(here, await client.change_subscription(subscription_id, **fields))
    return 0


@app.command
async def delete(subscription_id: str, /, *, here: InHere) -> int:
    """Forget a subscription and what it waits for."""
    async with here.client() as client:
        await client.delete_subscription(subscription_id)
    here.show({"id": subscription_id, "deleted": True})
    return 0


@app.command
async def ping(subscription_id: str, /, *, here: InHere) -> int:
    """Send a ping now, and tell what the receiver said; exit code 1 if it failed."""
    async with here.client() as client:
        said = await client.ping_subscription(subscription_id)
    here.show(said if here.json else {"ok": said["ok"], **said["attempt"]})
    return int(not said["ok"])


@app.command
async def rotate(subscription_id: str, /, *, here: InHere) -> int:
    """Make a new secret, shown this once; the old one signs, too, for a day."""
    async with here.client() as client:
        _show(here, await client.rotate_secret(subscription_id))
    return 0


@app.command
async def enable(subscription_id: str, /, *, here: InHere) -> int:
    """Go on with a subscription where it stood."""
    async with here.client() as client:
        _show(here, await client.enable_subscription(subscription_id))
    return 0


@app.command
async def disable(subscription_id: str, /, *, here: InHere) -> int:
    """Send nothing more until it is enabled."""
    async with here.client() as client:
        _show(here, await client.disable_subscription(subscription_id))
    return 0


@app.command
async def deliveries(
    subscription_id: str,
    /,
    *,
    state: str | None = None,
    limit: int = 50,
    here: InHere,
) -> int:
    """
    List what was told to a subscription and each try at it, newest events first.

    Parameters
    ----------
    subscription_id
        Whose deliveries.
    state
        Only those that are pending, delivered or dead.
    limit
        How many at most; 0 for all.
    """

    async def page(**filters: Any) -> Json:
        found = await client.deliveries(subscription_id, **filters)
        return (
            found if here.json else {**found, "items": [*map(_tried, found["items"])]}
        )

    async with here.client() as client:
        await here.stream(every(page, limit, state=state), DELIVERIES)
    return 0


@app.command
async def redeliver(subscription_id: str, delivery: str, /, *, here: InHere) -> int:
    """Send one event again, as soon as can be."""
    async with here.client() as client:
        found = await client.redeliver(subscription_id, delivery)
    here.show(found if here.json else _tried(found))
    return 0


@app.command
async def recover(subscription_id: str, /, *, since: str, here: InHere) -> int:
    """
    Send everything again that was given up.

    Parameters
    ----------
    subscription_id
        Whose deliveries.
    since
        Of events from this instant on (2026-11-20T13:00:00Z).
    """
    async with here.client() as client:
        here.show(await client.recover(subscription_id, since))
    return 0


def _show(here: Here, subscription: Json) -> None:
    """Print a subscription, and what is to be done with a secret."""
    here.show(subscription)
    if "secret" in subscription:
        here.note("The secret is shown this once; the receiver verifies with it.")


def _row(subscription: Json) -> Json:
    events = ", ".join(subscription["events"])
    return {**subscription, **subscription["backlog"], "events": events}


def _tried(delivery: Json) -> Json:
    """Return a delivery in one row for people: what its last try came to."""
    attempts = delivery["attempts"]
    last = attempts[-1] if attempts else {}
    said = last.get("error") or last.get("status")
    return {**delivery, "attempts": len(attempts), "last": said}
