"""What is there before a page begins: what its sentences take for granted."""

from collections.abc import Sequence

from tests.docs.examples.blocks import PAGES, blocks_of
from tests.docs.examples.walk import TOKEN, Walk

#: Pages that begin with nothing at all.
_FROM_NOTHING = frozenset({"README.md", "docs/quick-start.md", "CONTRIBUTING.md"})
_SIMULATE = "pushserver simulate --first-id 478435 --period 1 --quirks none --adopt"
_CELLAR = "pushserver devices add 478500 --name Cellar --tag site=north"
#: What devices there are, on pages that need others than three, of which one has a tag.
_FLEET = (
    f"{_SIMULATE} --devices 3",
    "pushserver devices set 478435 --name 'Front door' --tag site=north",
)
#: What a restore holds.
_WAITING = 2 * ("pushserver enqueue 478500 reboot --adopt",)
_FLEETS = {
    "docs/api.md": (
        *_FLEET,
        "pushserver shadow set --device 478435 --follow"
        " general.language=en_US general.beep_sound_enabled:=true",
    ),
    "docs/command-line.md": (
        *_WAITING,
        f"PUSHSERVER_ADMIN_TOKEN={TOKEN} scripts/serve --restored",
        *_FLEET,
        "pushserver enqueue 478435 load_objects object=users --wait",
        "pushserver enqueue 478435 execute_actions actions:=[] --wait",
    ),
    "docs/operating.md": _WAITING,
    "docs/operations.md": (f"{_SIMULATE} --devices 20", _CELLAR),
    "docs/upgrades.md": (),
    "docs/kapua.md": (
        "pushserver devices add 478435 --name 'north door'",
        "curl -s 'http://127.0.0.1:8080/push?deviceId=478435'",
    ),
}
#: What the token may do, on a page that says so.
_PERMISSIONS = {
    "docs/kapua.md": ["devices:read", "operations:read", "operations:write"],
}


#: Files that a reader has: of their own, or since another page.
_FILES = {
    "photo.jpg": "a photo",
    "pushserver.toml": "[pushserver]\nhold = 25\n",
    "settings.json": '{"general": {"language": "pt_BR"}}',
    "fleet.csv": "deviceId,name,tag:site\n478435,Front door,north\n478441,,south\n",
}


def prepare(walk: Walk, page: str) -> None:
    """Make what the page takes for granted."""
    saved = (each for other in PAGES for each in blocks_of(other) if each.saved_as)
    for name, text in (_FILES | {each.saved_as: each.text for each in saved}).items():
        (walk.terminal.folder / name).write_text(walk.addresses.put_in(text), "utf-8")
    if page in _FROM_NOTHING:
        return
    walk.run(f"PUSHSERVER_ADMIN_TOKEN={TOKEN} scripts/serve")
    walk.token = _token(walk, ["admin"])
    walk.run(f"export PUSHSERVER_TOKEN={walk.token}")
    # Where the completions of zsh and fish go.
    walk.run('fpath=(. "$HOME"); mkdir -p ~/.config/fish/completions')
    walk.run("S=http://127.0.0.1:8080/api/v1")
    walk.run('A="Authorization: Bearer $PUSHSERVER_TOKEN"')
    for command in _FLEETS.get(page, _FLEET):
        walk.run(command)
    if page in _PERMISSIONS:
        walk.run(f"export PUSHSERVER_TOKEN={_token(walk, _PERMISSIONS[page])}")


def _token(walk: Walk, permissions: Sequence[str]) -> str:
    """Return a new token that is called as on the pages."""
    token = {"name": "reception", "permissions": permissions}
    secret: str = walk.server.call("POST", "/tokens", token)["token"]
    return secret
