"""What the forms of Control iD ask of a terminal."""

from typing import Any

import pytest

from pushserver.errors import Invalid
from pushserver.model.command_form import FilledForm
from pushserver.protocols.controlid.catalogue import CATALOGUE
from pushserver.protocols.controlid.forms import FORMS
from tests.each_case import each_case

_BY_NAME = {form.name: form for form in FORMS}
_DOOR = {"action": "door", "parameters": "door=2"}
_SHOWN = {"event": "7", "user_id": 6, "user_name": "Ann", "portal_id": 1}
_COLUMN = {"type": "object_field", "object": "users"}
#: No page of the vendor's says what it takes.
_WITHOUT_FORM = {"remote_led_control"}


def test_every_endpoint_has_a_form() -> None:
    """
    Each endpoint of the catalogue has a form, if the vendor says what it takes.
    """
    assert _WITHOUT_FORM == set(CATALOGUE) - {form.endpoint for form in FORMS}


@each_case(
    ("name", "values", "filled"),
    [
        (
            "remote_user_authorization",
            {**_SHOWN, "user_image": False, "door": 2},
            FilledForm(
                body={**_SHOWN, "event": 7, "user_image": False, "actions": [_DOOR]}
            ),
        ),
        (
            "remote_user_authorization",
            _SHOWN,
            FilledForm(body={**_SHOWN, "event": 7, "actions": []}),
        ),
        ("user_get_image", {"user_id": 7}, FilledForm(query={"user_id": 7})),
        (
            "user_get_image_list",
            {"user_ids": "7, 8 9"},
            FilledForm(body={"user_ids": [7, 8, 9]}),
        ),
        (
            "report_generate",
            {"object": "users", "columns": "id,name", "delimiter": ";"},
            FilledForm(
                body={
                    "object": "users",
                    "delimiter": ";",
                    "columns": [{**_COLUMN, "field": f} for f in ("id", "name")],
                }
            ),
        ),
        ("make_sip_call", {"target": "503"}, FilledForm(body={"target": "503"})),
        ("finalize_sip_call", {}, FilledForm()),
    ],
)
def test_fill(name: str, values: dict[str, Any], filled: FilledForm) -> None:
    """
    What was filled in becomes the body and the query that the vendor describes.
    """
    assert filled == _BY_NAME[name].fill(values)


@each_case(
    ("name", "values"),
    [
        ("user_get_image_list", {"user_ids": "seven"}),
        ("user_get_image_list", {"user_ids": " ".join(map(str, range(101)))}),
        ("user_get_image_list", {"user_ids": ","}),
        ("report_generate", {"object": "users", "columns": " , "}),
    ],
)
def test_refused(name: str, values: dict[str, Any]) -> None:
    """
    What no terminal takes is refused beside its field.
    """
    with pytest.raises(Invalid):
        _BY_NAME[name].fill(values)
