"""What stands on a terminal when a program has written to it."""

import itertools
import re

_PIECE = re.compile(
    r"\x1b\[(?P<count>[0-9;?]*)(?P<control>[A-Za-z])"
    r"|(?P<text>[^\x1b\r\n]+)|(?P<move>[\r\n])"
)
#: A character, and the code of its colour.
_Cell = tuple[str, str]
_BLANK: _Cell = (" ", "")


def shown(written: str) -> str:
    """Return the lines that are left of what was *written*, without colours."""
    lines = ("".join(character for character, _ in line) for line in _cells(written))
    return "\n".join(line.rstrip() for line in lines)


def shown_in_colour(written: str) -> str:
    """Return these lines with the codes of their colours."""
    return "\n".join(_coloured(line) for line in _cells(written))


def _coloured(line: list[_Cell]) -> str:
    runs = itertools.groupby(line, key=lambda cell: cell[1])
    return "".join(
        f"\x1b[0m{code}{''.join(character for character, _ in cells)}"
        for code, cells in runs
    )


def _cells(written: str) -> list[list[_Cell]]:
    lines: list[list[_Cell]] = [[]]
    row, column, code = 0, 0, ""
    for piece in _PIECE.finditer(written):
        line = lines[row]
        if text := piece["text"]:
            line += [_BLANK] * (column - len(line))
            line[column : column + len(text)] = [(each, code) for each in text]
            column += len(text)
        elif piece["move"] == "\r":
            column = 0
        elif piece["move"] == "\n":
            row += 1
            lines += [[] for _ in range(row + 1 - len(lines))]
        elif piece["control"] == "m":
            code = "" if piece["count"] in ("", "0") else code + piece[0]
        elif piece["control"] == "A":
            row = max(row - int(piece["count"] or 1), 0)
        else:
            _erase(lines, row, column, f"{piece['count']}{piece['control']}")
    return lines


def _erase(lines: list[list[_Cell]], row: int, column: int, control: str) -> None:
    """Erase the line, what is right of here, or all from here on."""
    if control == "2K":
        lines[row] = []
    elif control.endswith("K"):
        del lines[row][column:]
    elif control.endswith("J"):
        lines[row:] = [lines[row][:column]]
