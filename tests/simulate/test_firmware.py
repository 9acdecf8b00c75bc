"""Each endpoint answers as devices do."""

import base64
from pathlib import Path
from typing import Any

import pytest

from pushserver.simulate import Firmware, ReceivedCommand
from pushserver.simulate.images import MAX_IMAGE_BYTES, Gallery

PHOTO = bytes(range(256))


class StillClock:
    """A clock that stands at one instant."""

    def now(self) -> int:
        """Return 2019-08-21T00:00:00Z."""
        return 1_566_345_600_000_000

    def wall_ahead(self) -> int:
        """Return that the wall clock shows the same."""
        return 0


@pytest.fixture(name="device")
def _device() -> Firmware:
    return Firmware(device_id=7, clock=StillClock())


def ask(device: Firmware, endpoint: str, body: Any = None, **more: Any) -> Any:
    """Return what *device* says to a command."""
    return device.execute(ReceivedCommand(endpoint=endpoint, body=body, **more)).payload


def send_photo(device: Firmware, user_id: int, photo: bytes) -> Any:
    """Return what *device* says to a photo."""
    return ask(
        device,
        "user_set_image",
        base64.b64encode(photo).decode(),
        content_type="application/octet-stream",
        query_string=f"user_id={user_id}&timestamp=1700000000&match=0",
    )


def test_unknown_endpoint(device: Firmware) -> None:
    """
    An endpoint that the device does not have is an error with a code.
    """
    outcome = device.execute(ReceivedCommand(endpoint="make_coffee"))

    assert ("Invalid endpoint: make_coffee", 1) == (outcome.error, outcome.code)


def test_doors_are_counted(device: Firmware) -> None:
    """
    Each opening is counted; what the device has no relay for is denied.
    """
    actions = [
        {"action": "door", "parameters": "door=1"},
        {"action": "sec_box", "parameters": "id=65793,reason=3"},
        {"action": "sing", "parameters": ""},
    ]
    response = ask(device, "execute_actions", {"actions": actions})

    assert ["allowed", "allowed", "denied"] == [
        a["status"] for a in response["actions"]
    ]
    assert 2 == device.door_openings


def test_configuration(device: Firmware) -> None:
    """
    Settings are read back as strings; an empty list reads nothing.
    """
    response = ask(device, "set_configuration", {"general": {"language": "en_US"}})
    got = ask(device, "get_configuration", {"general": ["language"], "ntp": []})

    assert {} == response
    assert {"general": {"language": "en_US"}} == got


def test_configuration_is_atomic(device: Firmware) -> None:
    """
    One unknown key fails all of a call, in the vendor's words.
    """
    values = {"general": {"language": "en_US", "colour": "red"}}

    assert (
        "Node or attribute not found. Node path: config->general->param[name=colour]"
    ) == ask(device, "set_configuration", values)
    assert {"general": {"language": "pt_BR"}} == ask(
        device, "get_configuration", {"general": ["language"]}
    )


def test_clock_is_set(device: Firmware) -> None:
    """
    A device's time is what it was set to, in its local time.
    """
    date = {"day": 21, "month": 8, "year": 2019}
    response = ask(
        device, "set_system_time", {**date, "hour": 0, "minute": 59, "second": 50}
    )
    reported = ask(device, "system_information")

    assert {} == response
    assert 1_566_345_600 + 59 * 60 + 50 == reported["time"]


def test_message(device: Firmware) -> None:
    """
    A message is shown on the screen.
    """
    assert {} == ask(device, "message_to_screen", {"message": "hello", "timeout": 5})
    assert "hello" == device.screen_message


def test_photo_is_kept_byte_for_byte(device: Firmware, tmp_path: Path) -> None:
    """
    A photo arrives as it was sent, in memory, in the folder and when asked for.
    """
    device.gallery = Gallery(7, tmp_path)
    response = send_photo(device, 3, PHOTO)
    got = ask(device, "user_get_image_list", {"user_ids": [3, 4]})

    assert (3, True) == (response["user_id"], response["success"])
    assert PHOTO == device.gallery.images[3].content
    assert PHOTO == (tmp_path / "7-3.jpg").read_bytes()
    assert [PHOTO] == [base64.b64decode(i["image"]) for i in got["user_images"]]


def test_photos_that_will_not_do(device: Firmware) -> None:
    """
    A photo that is empty or too large is no success, and not stored.
    """
    responses = [
        send_photo(device, 3, photo) for photo in (b"", b"x" * (MAX_IMAGE_BYTES + 1))
    ]

    assert ["image too short", "image too large"] == [
        each["errors"][0]["message"] for each in responses
    ]
    assert {} == device.gallery.images


def test_photo_list(device: Firmware) -> None:
    """
    Several photos come in one call, are listed, and go again.
    """
    photos = [
        {"user_id": n, "timestamp": 9, "image": base64.b64encode(PHOTO).decode()}
        for n in (1, 2)
    ]
    bad = {"user_id": 3, "timestamp": 9, "image": "?"}
    response = ask(device, "user_set_image_list", {"user_images": [*photos, bad]})
    listed = ask(device, "user_list_images", query_string="get_timestamp=1")
    ask(device, "user_destroy_image", {"user_id": 1})

    assert [True, True, False] == [each["success"] for each in response["results"]]
    assert [(1, 9), (2, 9)] == [
        (each["user_id"], each["timestamp"]) for each in listed["image_info"]
    ]
    assert {"user_ids": [2]} == ask(device, "user_list_images")
    assert {} == ask(device, "user_destroy_image", {"all": True})
    assert {"user_ids": []} == ask(device, "user_list_images")


def test_reboot_yields_no_result(device: Firmware) -> None:
    """
    A reboot is silent, and the device away for a moment.
    """
    outcome = device.execute(ReceivedCommand(endpoint="reboot"))

    assert outcome.no_result
    assert outcome.offline_for > 0


def test_reset_forgets(device: Firmware) -> None:
    """
    A reset to factory default leaves nothing that was loaded.
    """
    ask(device, "destroy_objects", {"object": "users"})
    send_photo(device, 3, PHOTO)
    device.execute(ReceivedCommand(endpoint="reset_to_factory_default"))

    assert 1 == len(ask(device, "load_objects", {"object": "users"})["users"])
    assert {} == device.gallery.images


def test_enrolling_takes_a_person(device: Firmware) -> None:
    """
    A synchronous enrolling is answered when somebody acted, another at once.
    """
    fields = {"type": "card", "user_id": 1, "save": True}
    waits = device.execute(
        ReceivedCommand(endpoint="remote_enroll", body={**fields, "sync": True})
    )
    at_once = device.execute(ReceivedCommand(endpoint="remote_enroll", body=fields))

    assert waits.delay > at_once.delay == 0
    assert waits.response["success"]
    assert {} == ask(device, "cancel_remote_enroll", {})


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("execute_actions", {}),
        ("execute_actions", {"actions": [3]}),
        ("execute_actions", [1]),
        ("load_objects", "no json"),
        ("load_objects", {"object": "users", "where": {"users": {"id": {"?": 1}}}}),
        ("load_objects", {"object": "users", "where": {"users": {"id": {">": "a"}}}}),
        ("get_configuration", {"general": 3}),
        ("set_configuration", {"general": ["language"]}),
        ("set_system_time", {"day": 40}),
        ("message_to_screen", None),
        ("user_set_image", "AAEC"),
        ("user_get_image_list", {"user_ids": list(range(101))}),
        ("remote_enroll", {}),
    ],
)
def test_bad_parameters_are_an_error(
    device: Firmware, endpoint: str, body: Any
) -> None:
    """
    Parameters that make no sense are answered by an error, not by silence.
    """
    assert device.execute(ReceivedCommand(endpoint=endpoint, body=body)).error
