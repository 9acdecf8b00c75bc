"""What ends a command early, and with which exit code."""


class UsageError(Exception):
    """The command line is used wrongly; exit code 2."""


class CliError(Exception):
    """The command cannot be carried out; exit code 1."""
