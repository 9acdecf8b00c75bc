"""Knows which files are mount points themselves: another name of a file elsewhere.

A file that is mounted has one inode and one link, and two folders: beside each name
there are other files.
"""

import os
import re
from pathlib import Path

#: Where Linux tells a process what is mounted (proc_pid_mountinfo(5)).
_MOUNTS = Path("/proc/self/mountinfo")
#: Where in a line the mount point is.
_MOUNT_POINT = 4
#: How blanks and backslashes are written there.
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def is_mount_point(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Tell whether something is mounted at *path* itself; if nothing says so, no."""
    try:
        lines = mounts.read_bytes()
    except OSError:
        return False
    return os.fsencode(path.resolve()) in read_mount_points(lines)


def read_mount_points(lines: bytes) -> set[bytes]:
    """Return the paths at which something is mounted, as *lines* of Linux say."""
    found = (line.split(b" ")[_MOUNT_POINT] for line in lines.splitlines())
    return {_ESCAPED.sub(_unescape, path) for path in found}


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 8)])
