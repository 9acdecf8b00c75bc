"""What ends a command early, and with which exit code."""


class UsageError(Exception):
    """The command line is used wrongly; exit code 2."""


class CliError(Exception):
    """The command cannot be carried out; exit code 1."""


#: What the code ends with that takes an answer apart which lacks what the API promises.
MISSHAPEN = (
    *(LookupError, TypeError, ValueError, AttributeError),
    *(ArithmeticError, RecursionError),
)


def describe_misshapen(error: Exception) -> str:
    """Say in one line what is wrong with such an answer."""
    return f"An answer is not as in the API: {type(error).__name__} {error}."
