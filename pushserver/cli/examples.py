"""What the help of a command ends with: examples, and the values that it takes."""

from collections.abc import Iterable, Mapping
from importlib import import_module

#: What options of a command take: what it is, and where its words are.
_VALUES = {
    "commands": ("States", "state", "CommandState"),
    "operations": ("Statuses", "operation", "OperationStatus"),
    "tokens": ("Permissions", "token", "Permission"),
    "events": ("Events", "event", "EventType"),
    "subscriptions": ("Events", "event", "EventType"),
}
#: Of each command, how it is used; every line is one that the program understands.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "serve": (
        "serve --port 9000 --hold 20s",
        "serve --host 0.0.0.0 --device-keys required",
    ),
    "settings": ("settings", "settings --config pushserver.toml"),
    "enqueue": (
        "enqueue 478435 load_objects object=users limit:=10 --wait",
        "enqueue 478435 reboot --expires-in 60",
        "enqueue 478435 user_set_image --file photo.jpg --query user_id=7",
    ),
    "commands": (
        "commands list --state PENDING --device 478435",
        "commands show 382478930222776321",
        "commands cancel --device 478435 --state PENDING --dry-run",
    ),
    "results": ("results --device 478435", "results --follow --json"),
    "operations": (
        "operations begin 478435 --steps steps.json --wait",
        "operations list --status FAILED --limit 0",
    ),
    "tasks": (
        "tasks make --steps steps.json --tag site=north --dry-run",
        "tasks make --steps steps.json --all --concurrency 50 --follow",
        "tasks show 382478930222776321",
    ),
    "upgrades": (
        "upgrades make --file upgrade.json --tag site=north --dry-run",
        "upgrades follow 382478930222776321",
    ),
    "shadow": (
        "shadow show 478435",
        "shadow set 478435 general.language=pt_BR ntp.enabled:=true",
    ),
    "subscriptions": (
        "subscriptions make https://example.com/hook --event command.status",
        "subscriptions ping 382478930222776321",
    ),
    "events": ("events --follow", "events --follow --json --event command.status"),
    "devices": (
        "devices list --state quarantined",
        "devices add 478435 --name 'Front door' --hold 25",
        "devices adopt 478435",
        "devices key 478435",
    ),
    "tokens": (
        "tokens create reporting --permission results:read",
        "tokens revoke 382478930222776321",
    ),
    "scopes": ("scopes create acme",),
    "audit": ("audit --device 478435", "audit --action device.key --follow"),
    "purge": ("purge 2026-01-31T00:00:00Z", "purge 2026-01-31 --dry-run"),
    "stats": ("stats", "stats --json"),
    "backup": ("backup monday.db", "backup --database sqlite:////srv/p.db monday.db"),
    "restore": ("restore monday.db",),
    "migrate": (
        "migrate --check",
        "migrate --database postgresql://db.example/fleet",
    ),
    "migrate-store": (
        "migrate-store sqlite:///pushserver.db postgresql://db.example/fleet",
    ),
    "simulate": ("simulate --devices 100 --period 5", "simulate --quirks none --adopt"),
    "doctor": ("doctor", "doctor --no-round-trip --json"),
    "completion": ("completion bash",),
    "openapi": ("openapi",),
}


#: What the help of the whole program ends with.
EXIT_CODES = (
    "Exit codes: 0 done, 1 refused or not successful, 2 a wrong use of the command"
    " line, 130 Ctrl-C. `pushserver COMMAND --help` has examples."
)


def help_epilogue(name: str) -> str:
    """Return the end of a command's help, in Markdown: each example on its line."""
    lines = [f"    pushserver {line}" for line in EXAMPLES[name]]
    values = [
        f"{what}: {', '.join(each)}." for what, each in known_values(name).items()
    ]
    return "\n\n".join(["Examples:", "\n".join(lines), *values])


def known_values(name: str) -> Mapping[str, Iterable[str]]:
    """Return what a command's options take, by what it is."""
    if name not in _VALUES:
        return {}
    # Only the help of these commands needs the model, and of each a part of it.
    noun, module, enumeration = _VALUES[name]
    return {noun: getattr(import_module(f"pushserver.model.{module}"), enumeration)}
