"""What is secret in orders and results is masked, wherever it stands."""

import json
from typing import Any

import pytest

from pushserver.protocols.controlid.secrets import SECRET_FIELDS
from pushserver.web.console.command_bodies import masked_json
from pushserver.web.json_view import build_view
from pushserver.web.secrets_mask import SecretsMask

MASK = SecretsMask(SECRET_FIELDS)
SECRET = 4711
KEY = "dGhpcyBpcyBhIGtleSBvZiBhIGRldmljZQ"
PHOTO = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJ" * 2
HIDDEN: list[Any] = [
    *[
        {name: str(SECRET)}
        for name in (
            *("pin_value", "user_pin", "userPIN", "uhf_tag", "card_value", "salt"),
            *("password", "new_password", "rtsp_password", "pass", "api_key"),
        )
    ],
    {"where": {"cards": {"value": {"=": SECRET}}}},
    {"where": [{"object": "cards", "field": "value", "value": SECRET}]},
    {"where": [{"object": "users", "field": "password", "value": SECRET}]},
    {"cards": {"value": SECRET}},
    {"cards": [{"id": 1, "value": SECRET}]},
    {"card": {"number": SECRET}},
    {"object": "qrcodes", "values": [{"value": SECRET, "user_id": 7}]},
    {"pins": [SECRET]},
    {"j": json.dumps({"password": SECRET})},
    {"j": json.dumps(json.dumps({"a": [{"card": {"number": SECRET}}]}))},
    {"j": '{"password": "a ' + str(SECRET)},
    {"parameters": f"door=1,x=pin={SECRET},reason=3"},
    {"url": f"rtsp://admin:{SECRET}@10.0.0.9/"},
]


@pytest.mark.parametrize("body", HIDDEN, ids=str)
def test_secrets(body: Any) -> None:
    """
    A secret is masked in whichever object, list, condition or text it stands, in files
    and as a page shows it.
    """
    shown = (
        json.dumps(MASK.apply(body)),
        repr(build_view(json.dumps(body).encode(), MASK)),
    )

    assert [] == [each for each in shown if str(SECRET) in each]


def in_texts(text: str, levels: int) -> str:
    """Return a text in JSON in a text in JSON, written so that it hardly grows."""
    for _ in range(levels):
        text = text.replace("\\", "\\u005c").replace('"', "\\u0022")
        text = f'{{"a":"{text}"}}'
    return text


def quoted(text: str, levels: int) -> str:
    """Return a text in a text, and nothing else."""
    for _ in range(levels):
        escaped = text.replace("\\", "\\u005c").replace('"', "\\u0022")
        text = f'"{escaped}"'
    return text


@pytest.mark.parametrize("depth", [20, 30, 100, 400, 900, *range(930, 1000, 7), 10**5])
def test_deep(depth: int) -> None:
    """
    However deep something is, itself or in a text, it is shown, or "…" in its place, a
    secret in it never; and texts in texts do not double with each level.
    """
    deep = f'{"[" * depth}{{"card":{{"number":{SECRET}}}}}{"]" * depth}'
    bodies = [deep, json.dumps({"a": deep}), json.dumps({"a": json.dumps([deep])})]
    if depth <= 400:
        secret = f'{{"card":{{"number":{SECRET}}}}}'
        bodies += [in_texts(secret, depth), quoted(secret, depth)]
    for body in map(str.encode, bodies):
        view = build_view(body, MASK)
        cell = masked_json(body, MASK)

        assert view is not None or depth > 900
        assert 2 * len(body) > len(cell)
        assert [] == [each for each in (repr(view), cell) if str(SECRET) in each]


@pytest.mark.parametrize(
    "body",
    [
        {"push_server": {"push_remote_address": f"http://h/d/{KEY}"}},
        {"push_remote_address": "h:8080/d/short"},
        {f"http://h/d/{KEY}": 1},
        {"said": PHOTO},
        [f"data:image/jpeg;base64,{PHOTO}"],
    ],
    ids=str,
)
def test_keys_and_photos(body: Any) -> None:
    """
    A device's key, and a photo, are masked whatever field they are in.
    """
    shown = json.dumps(MASK.apply(body)) + repr(
        build_view(json.dumps(body).encode(), MASK)
    )

    assert [] == [each for each in (KEY, "/d/short", PHOTO[:40]) if each in shown]


@pytest.mark.parametrize(
    ("names", "are_secret"),
    [
        (
            "cardnumber userpin passwordhash pinvalue userpass cardno cardsvalue idcard"
            " rfidcard CARDNUMBER USERpin Userpin pin1value doorpin pincode passcode"
            " accesskey pwdhash dbpwd saltvalue userphoto faceimage fingertemplates"
            " qrcodevalue uhftag photodata usersenha new_userpin",
            True,
        ),
        (
            "spinning opinion cardinal cardiac discard wildcard pinging pinghost spin"
            " shipping mapping pink keyboard keypad monkey hotkey passage passenger"
            " bypass compass imagine imagination contemplate asphalt basalt cardid"
            " cardids pintype pincount pinenabled cardtimeout value number code user"
            " usercode numbervalue happiness",
            False,
        ),
    ],
    ids=["secret", "innocent"],
)
def test_written_together(names: str, are_secret: bool) -> None:
    """
    A name whose words are written together is secret if it is made of a secret word
    and of words that stand beside one, and not if it only contains its letters.
    """
    assert dict.fromkeys(names.split(), are_secret) == {
        name: SECRET_FIELDS.covers(name) for name in names.split()
    }


def test_the_rest() -> None:
    """
    What is no secret is shown as it is.
    """
    body = {
        "object": "users",
        "fields": ["id", "value"],
        "values": [{"id": 2**60, "name": "Ana Key", "registration": "12", "x": None}],
        "where": {"cards": {"user_id": 7}, "users": {"id": [1, 2]}},
        "general": {"pin_enabled": "1", "language": "pt_BR", "key": False},
        "actions": [{"action": "sec_box", "parameters": "id=65793,reason=3"}],
        "error": "Node path: config->general->param[name=x]",
        "user_images": [{"user_id": 7, "timestamp": 1700000000}],
    }

    assert body == MASK.apply(body)
