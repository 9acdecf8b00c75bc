"""How the command line prints: tables, the fields of one thing, JSON, and lines.

On a terminal people read: a row is one line, instants are `3 s ago`, JSON is indented
and coloured. Elsewhere programs read: values are exact, separated by tabs, and neither
wrapped nor padded. Commands hand over what the API answered, and never format it.
"""

from pushserver.cli.printing.printer import Printer
from pushserver.cli.printing.values import format_exact, strip_unprintable

__all__ = ["Printer", "format_exact", "strip_unprintable"]
