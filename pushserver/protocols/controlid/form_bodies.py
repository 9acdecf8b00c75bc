"""What commands say that were filled in as forms, in the vendor's words."""

from datetime import datetime

from pushserver.errors import Invalid
from pushserver.model.command_form import FilledForm, FormValues


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


def photo(values: FormValues) -> FilledForm:
    """Return the parameters that go with a photo."""
    match = int(values["match"])
    timestamp = values["timestamp"]
    query = {"user_id": values["user_id"], "timestamp": timestamp, "match": match}
    return FilledForm(query=query)


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
