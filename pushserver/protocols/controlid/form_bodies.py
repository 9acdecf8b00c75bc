"""What commands say that were filled in as forms, in the vendor's words."""

import re
from datetime import datetime

from pushserver.errors import Invalid
from pushserver.model.command_form import FilledForm, FormValues

#: Of how many users a terminal returns the photos at once.
MAX_PHOTOS = 100
_ID = re.compile(r"[0-9]{1,18}", re.ASCII)


def action(values: FormValues) -> FilledForm:
    """Return one action with its parameters, as terminals write them."""
    given = dict(values)
    name = given.pop("action", "door")
    parameters = ",".join(f"{key}={value}" for key, value in given.items())
    return FilledForm(body={"actions": [{"action": name, "parameters": parameters}]})


def sec_box(values: FormValues) -> FilledForm:
    """Return the action that opens by a security box."""
    return action({"action": "sec_box", **values, "reason": 3})


def turnstile(values: FormValues) -> FilledForm:
    """Return the action that lets somebody through."""
    return action({"action": "catra", **values})


def authorization(values: FormValues) -> FilledForm:
    """Return who is let in, and by which door."""
    given = dict(values)
    opened = given.pop("door", None)
    action_name = {"action": "door", "parameters": f"door={opened}"}
    actions = [] if opened is None else [action_name]
    return FilledForm(body={**given, "event": int(values["event"]), "actions": actions})


def photo(values: FormValues) -> FilledForm:
    """Return the parameters that go with a photo."""
    match = int(values["match"])
    timestamp = values["timestamp"]
    query = {"user_id": values["user_id"], "timestamp": timestamp, "match": match}
    return FilledForm(query=query)


def photo_ids(values: FormValues) -> FilledForm:
    """
    Return whose photos to read.

    Raises:
        Invalid: these are no ids, or too many.
    """
    ids = values["user_ids"].replace(",", " ").split()
    if not 1 <= len(ids) <= MAX_PHOTOS or not all(map(_ID.fullmatch, ids)):
        raise Invalid(
            f"These must be 1 to {MAX_PHOTOS} ids, with commas between.",
            pointer="/user_ids",
        )
    return FilledForm(body={"user_ids": [int(each) for each in ids]})


def report(values: FormValues) -> FilledForm:
    """
    Return which columns of which objects are written, one after the other.

    Raises:
        Invalid: there is no column.
    """
    given, kind = dict(values), values["object"]
    names = given.pop("columns").replace(",", " ").split()
    if not names:
        raise Invalid("There must be a column.", pointer="/columns")
    columns = [
        {"type": "object_field", "object": kind, "field": name} for name in names
    ]
    return FilledForm(body={**given, "columns": columns})


def logs(values: FormValues) -> FilledForm:
    """Return which access logs to load."""
    return FilledForm(body={"object": "access_logs", **values})


def users(values: FormValues) -> FilledForm:
    """Return which users to load."""
    return FilledForm(body={"object": "users", **values})


def configuration(values: FormValues) -> FilledForm:
    """Return one value of a module."""
    module, key = values["module"], values["key"]
    return FilledForm(body={module: {key: values.get("value", "")}})


def read_configuration(values: FormValues) -> FilledForm:
    """Return which keys of a module to read."""
    keys = [key.strip() for key in values["keys"].split(",") if key.strip()]
    return FilledForm(body={values["module"]: keys})


def time(values: FormValues) -> FilledForm:
    """
    Return the time, which is the terminal's own.

    Raises:
        Invalid: it is none.
    """
    try:
        at = datetime.fromisoformat(values["time"])
    except ValueError:
        raise Invalid(
            "This must be a time, such as 2026-01-31T08:30.", pointer="/time"
        ) from None
    names = ("day", "month", "year", "hour", "minute", "second")
    return FilledForm(body={name: getattr(at, name) for name in names})


def no_body(_values: FormValues) -> FilledForm:
    """Return nothing: the endpoint says it all."""
    return FilledForm()


def query_alone(values: FormValues) -> FilledForm:
    """Return the values as parameters of the query."""
    return FilledForm(query={name: int(value) for name, value in values.items()})
