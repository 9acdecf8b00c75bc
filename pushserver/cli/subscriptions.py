"""`pushserver subscriptions`: who is told of events, and how that goes."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

from cyclopts import App, Parameter

from pushserver.cli.asking import YesOption, confirm
from pushserver.cli.choices import choose
from pushserver.cli.context import CliContext, InjectedContext
from pushserver.cli.event_types import choose_events
from pushserver.cli.id_commands import add_id_commands
from pushserver.cli.paging import ONE_PAGE, PageOptionsArg, print_list
from pushserver.cli.subscription_options import (
    NO_CHANGES,
    NO_OPTIONS,
    SubscriptionChangeArg,
    SubscriptionOptionsArg,
)
from pushserver.client import Json
from pushserver.model.subscription import WebhookFormat, WebhookState

if TYPE_CHECKING:
    from pushserver.client.types import EventSelector

app = App(
    name="subscriptions",
    help="Have events posted to a URL; see how that goes, and send again.",
)

COLUMNS = ("id", "url", "events", "format", "state", "pending", "dead")
DELIVERY_COLUMNS = ("id", "type", "deviceId", "state", "last", "attempts", "nextAt")


@app.command(name="list")
@app.default
async def list_(*, context: InjectedContext) -> int:
    """List the subscriptions, oldest first."""
    async with context.client() as client:
        subscriptions = (await client.subscriptions.list())["items"]
    rows = subscriptions if context.json else map(_to_row, subscriptions)
    context.print_table(rows, COLUMNS)
    return 0


@app.command
async def make(
    url: str,
    /,
    *,
    event: Annotated[tuple[str, ...], Parameter(negative=())],
    format: WebhookFormat | None = None,  # noqa: A002 - it is the option's name
    options: SubscriptionOptionsArg = NO_OPTIONS,
    context: InjectedContext,
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
    options
        How it is told, and of which devices.
    """
    fields = options.api_fields() | ({} if format is None else {"format": format})
    # Other formats have names of their own.
    is_native = format in (None, WebhookFormat.NATIVE)
    names = choose_events(event) if is_native else [*event]
    selectors = cast("list[EventSelector]", names)
    async with context.client() as client:
        _print_subscription(
            context, await client.subscriptions.create(url, selectors, **fields)
        )
    return 0


def _print_subscription(context: CliContext, subscription: Json) -> None:
    """Print a subscription, with a note if it shows its secret."""
    context.print_fields(subscription)
    if "secret" in subscription:
        context.print_note(
            "The secret is shown this once; the receiver verifies with it."
        )


add_id_commands(
    app,
    "subscription_id",
    {
        "show": (
            lambda client, subscription_id: client.subscriptions.get(subscription_id),
            "Show one subscription, and how it does.",
        ),
        "rotate": (
            lambda client, subscription_id: client.subscriptions.rotate_secret(
                subscription_id
            ),
            "Make a new secret, shown this once; the old one signs, too, for a day.",
        ),
        "enable": (
            lambda client, subscription_id: client.subscriptions.enable(
                subscription_id
            ),
            "Go on with a subscription where it stood.",
        ),
        "disable": (
            lambda client, subscription_id: client.subscriptions.disable(
                subscription_id
            ),
            "Send nothing more until it is enabled.",
        ),
    },
    _print_subscription,
)


@app.command
async def change(
    subscription_id: str,
    /,
    *,
    patch: SubscriptionChangeArg = NO_CHANGES,
    context: InjectedContext,
) -> int:
    """Change what is given of a subscription; the rest stays, and tags are added."""
    async with context.client() as client:
        tags: dict[str, list[str]] = {}
        if patch.changes_tags:
            tags = (await client.subscriptions.get(subscription_id)).get("tags", {})
        fields = patch.api_fields(tags)
        _print_subscription(
            context, await client.subscriptions.update(subscription_id, **fields)
        )
    return 0


@app.command
async def delete(
    subscription_id: str, /, *, yes: YesOption = False, context: InjectedContext
) -> int:
    """Forget a subscription and what it waits for."""
    if not yes:
        confirm(f"Delete subscription {subscription_id}, and what is pending for it?")
    async with context.client() as client:
        await client.subscriptions.delete(subscription_id)
    context.print_fields({"id": subscription_id, "deleted": True})
    return 0


@app.command
async def ping(subscription_id: str, /, *, context: InjectedContext) -> int:
    """Send a ping now, and tell what the receiver said; exit code 1 if it failed."""
    async with context.client() as client:
        result = await client.subscriptions.ping(subscription_id)
    context.print_fields(
        result if context.json else {"ok": result["ok"], **result["attempt"]}
    )
    return int(not result["ok"])


@app.command
async def deliveries(
    subscription_id: str,
    /,
    *,
    state: str | None = None,
    page: PageOptionsArg = ONE_PAGE,
    context: InjectedContext,
) -> int:
    """
    List what was told to a subscription and each try at it, newest events first.

    Parameters
    ----------
    subscription_id
        Whose deliveries.
    state
        Only those that are pending, delivered or dead.
    page
        How many.
    """
    chosen: Any = state and choose(state, WebhookState, "state")
    async with context.client() as client:
        await print_list(
            context,
            client,
            partial(client.subscriptions.deliveries, subscription_id, state=chosen),
            DELIVERY_COLUMNS,
            page,
            to_row=_to_delivery_row,
        )
    return 0


@app.command
async def redeliver(
    subscription_id: str, delivery: str, /, *, context: InjectedContext
) -> int:
    """Send one event again, as soon as can be."""
    async with context.client() as client:
        updated = await client.subscriptions.redeliver(subscription_id, delivery)
    context.print_fields(updated if context.json else _to_delivery_row(updated))
    return 0


@app.command
async def recover(
    subscription_id: str, /, *, since: str, context: InjectedContext
) -> int:
    """
    Send everything again that was given up.

    Parameters
    ----------
    subscription_id
        Whose deliveries.
    since
        Of events from this instant on (2026-11-20T13:00:00Z).
    """
    async with context.client() as client:
        context.print_fields(await client.subscriptions.recover(subscription_id, since))
    return 0


def _to_row(subscription: Json) -> Json:
    return {**subscription, **subscription["backlog"]}


def _to_delivery_row(delivery: Json) -> Json:
    """Return a delivery as a row for people, with the outcome of its last attempt."""
    attempts = delivery["attempts"]
    last_attempt = attempts[-1] if attempts else {}
    last_outcome = last_attempt.get("error") or last_attempt.get("status")
    return {**delivery, "attempts": len(attempts), "last": last_outcome}
