"""The parts of the API, as its description groups calls."""

import enum


class Tag(enum.StrEnum):
    """A part of the API."""

    COMMANDS = "commands"
    BLOBS = "blobs"
    RESULTS = "results"
    DEVICES = "devices"
    SHADOWS = "shadows"
    OPERATIONS = "operations"
    TASKS = "tasks"
    UPGRADES = "upgrades"
    SUBSCRIPTIONS = "subscriptions"
    EVENTS = "events"
    TOKENS = "tokens"
    SCOPES = "scopes"
    SERVER = "server"
    WEBHOOKS = "webhooks"

    @property
    def description(self) -> str:
        """What its calls are about."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Tag.COMMANDS: "Orders for devices: enqueue, wait, list, take back, retry.",
    Tag.BLOBS: "Bytes that are uploaded once, for many commands.",
    Tag.RESULTS: "What devices posted, in the order it came.",
    Tag.DEVICES: "The fleet: settings, keys, what was seen; import and export.",
    Tag.SHADOWS: "What is desired and known of the properties of devices.",
    Tag.OPERATIONS: "Steps on one device, one after the other, and their progress.",
    Tag.TASKS: "The same operation on many devices.",
    Tag.UPGRADES: "Tasks that change the version of what devices run.",
    Tag.SUBSCRIPTIONS: "URLs to which events are posted, and what became of that.",
    Tag.EVENTS: "Events as a stream.",
    Tag.TOKENS: "Who may call the API, and for what.",
    Tag.SCOPES: "Tenants: each sees only what is its own.",
    Tag.SERVER: "The server itself: its status, its history, its description.",
    Tag.WEBHOOKS: "What is posted to subscriptions.",
}
