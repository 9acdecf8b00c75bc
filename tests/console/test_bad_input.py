"""What devices and programs say is hostile: no page runs it, breaks, or hangs on it."""

import itertools
import json
import urllib.error
import urllib.parse
import urllib.request

import pytest
from playwright.sync_api import Page

from tests.console.calls import api, make_rollouts, poll, post_result
from tests.console.pages import PAGES
from tests.program import Program

DEVICE = 479_000
_RUN = "window.broken=1"
_TAGS = (
    f"<script>{_RUN}</script>",
    f"<img src=x onerror={_RUN}>",
    f"<svg onload={_RUN}>",
    f"<svg><script>{_RUN}</script></svg>",
    f"<body onload={_RUN}>",
    f"<iframe srcdoc='<script>parent.{_RUN}</script>'>",
    f"<iframe src=javascript:parent.{_RUN}>",
    f"<input autofocus onfocus={_RUN}>",
    f"<details open ontoggle={_RUN}>",
    f"<video><source onerror={_RUN}>",
    f"<a href=javascript:{_RUN} id=y autofocus tabindex=0 onfocus={_RUN}>a</a>",
    f"<math href=javascript:{_RUN}>a</math>",
    f"<style onload={_RUN}></style>",
    "<style>*{display:none!important}</style>",
    f"<object data='data:text/html,<script>{_RUN}</script>'>",
    "<meta http-equiv=refresh content=0;url=/nowhere>",
    "<base href=//nowhere.test/>",
    f"<form action=javascript:{_RUN}><button autofocus>b</button></form>",
    f"<marquee onstart={_RUN}>m</marquee>",
    f"<template><script>{_RUN}</script></template>",
    "<button hx-get=/console/nowhere hx-trigger=load>x</button>",
    f"<b hx-on:load={_RUN} hx-on::load={_RUN} data-hx-on:load={_RUN}>x</b>",
    "{{7*7}}{%for x in y%}${7*7}#{7*7}<%=7*7%>",
    f"javascript:{_RUN}",
    "</title></textarea></style></script></pre></bdi></td></tr></table></main>",
)
#: Each is tried in a text, in an attribute, and behind the end of a tag's value.
PAYLOADS = [
    opening + tag
    for tag, opening in itertools.product(_TAGS, ("", "\"'>", "--></script>"))
][:60]
ODD = [
    "\u202eright to left\u202c \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\U0001f6aa\U0001f468\u200d\U0001f469\u200d\U0001f467 " * 20,
    "a\u0301" * 90,
    "\ufeff\u2028\u2029\u200b\ufffd\ud7ff",
]


@pytest.fixture(name="hostile_ids", scope="module")
def _hostile_ids(shared_program: Program) -> dict[str, str]:
    """Say all of it in every place that a page shows; return the ids of some."""
    texts = [*PAYLOADS, *ODD]
    _import(shared_program, texts)
    for number in range(0, len(PAYLOADS), 20):
        asked = {"name": texts[number][:90], "permissions": ["devices:read"]}
        api(shared_program, "POST", "/tokens", asked)
        task = {"name": texts[number][:90], "targets": {"deviceIds": [str(DEVICE)]}}
        steps = [{"endpoint": "reboot", "metadata": {"reason": texts[number]}}]
        api(shared_program, "POST", "/tasks", task | {"steps": steps})
    body = {"object": "users", "values": [dict.fromkeys(texts, "x"), *texts]}
    command = {"endpoint": "create_objects", "body": body, "priority": 9}
    command |= {"metadata": {"reason": "".join(texts)}}
    path = f"/devices/{DEVICE + 1}/commands"
    made = api(shared_program, "POST", path, command)
    poll(shared_program, DEVICE + 1)
    users = [{"name": t, t[:50]: "\0" + t, "registration": "x" * 10_000} for t in texts]
    said = {"response": {"users": users, **dict.fromkeys(texts, texts[0])}}
    post_result(shared_program, DEVICE + 1, json.dumps(said).encode())
    orphan = json.dumps({"error": "".join(texts) + "z" * 5_000_000}).encode()
    post_result(shared_program, DEVICE + 2, orphan)
    for text in PAYLOADS[::6]:
        _ask(shared_program, f"/{urllib.parse.quote(text)}?deviceId={DEVICE + 1}")
    _ask(shared_program, f"/{'n' * 6000}?deviceId={DEVICE + 1}")
    results = api(shared_program, "GET", "/results?orphan=true&limit=1000")["items"]
    return {
        "device_id": str(DEVICE + 1),
        "stranger_id": str(DEVICE + 2),
        "command_id": str(made["id"]),
        "posted_id": str(results[-1]["id"]),
        **make_rollouts(shared_program, DEVICE, texts[0]),
    }


def _import(program: Program, names: list[str]) -> None:
    """Adopt a device with each of these names, and as a tag."""
    rows = [
        {"deviceId": str(DEVICE + n), "name": name[:200], "tags": {f"k{n}": name[:100]}}
        for n, name in enumerate(names)
    ]
    request = urllib.request.Request(  # noqa: S310 - of this machine
        f"{program.url}/api/v1/devices/import",
        data="\n".join(map(json.dumps, rows)).encode(),
        headers={
            "Authorization": f"Bearer {program.token}",
            "Content-Type": "application/x-ndjson",
        },
    )
    with urllib.request.urlopen(request, timeout=15):  # noqa: S310 - likewise
        pass


def _ask(program: Program, path: str) -> None:
    """Send a device's unknown request, whatever it is answered."""
    try:
        with urllib.request.urlopen(program.url + path, timeout=15):  # noqa: S310
            pass
    except urllib.error.HTTPError:
        pass


def test_nothing_runs(page: Page, hostile_ids: dict[str, str]) -> None:
    """
    60 payloads, long, odd and right-to-left texts: none runs on any page, none becomes
    a tag, and every page is still there below them.
    """
    paths = [path.format(**hostile_ids) for path in PAGES.values()]
    paths += [
        "/console/devices?q=4790",
        f"/console/devices?q={urllib.parse.quote(PAYLOADS[0])}",
        f"/console/send?device={urllib.parse.quote(PAYLOADS[1])}",
    ]
    broken = []
    for path in paths:
        page.goto(path)
        found = page.evaluate(
            """() => [window.broken,
            document.querySelectorAll("main script, main iframe, main object," +
                "main style, main meta, main base, main marquee, main math," +
                "[onerror], [onload], [onfocus], [ontoggle], [hx-get$=nowhere]").length,
            document.querySelector("main h1") === null,
            document.querySelector(".menu") === null,
            document.documentElement.scrollWidth > innerWidth]"""
        )
        if found != [None, 0, False, False, False]:
            broken.append((path, found))
    page.goto(f"/console/commands/{hostile_ids['command_id']}")
    page.click('form[action$="/show"] button')
    page.wait_for_selector(".warning")

    assert [] == broken
    assert page.evaluate("window.broken") is None
