"""Which files are mount points, as Linux says it."""

from pushserver.storage.sqlite.mount_points import read_mount_points

LINES = rb"""21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 8:1 /home/x\040y.db /data/x\040y\134\011z\012.db rw - ext4 /dev/sda1 rw
23 21 0:5 / /dev/\303\251 rw,nosuid shared:2 master:1 - devtmpfs dev rw
"""


def test_as_they_are_written() -> None:
    """
    Mount points are read with what is escaped in them, and nothing else of a line is.
    """
    assert {
        b"/",
        b"/data/x y\\\tz\n.db",
        "/dev/é".encode(),
    } == read_mount_points(LINES)


def test_none() -> None:
    """
    Where nothing is mounted, nothing is a mount point.
    """
    assert set() == read_mount_points(b"")
