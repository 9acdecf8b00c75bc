"""Which files are mount points, as Linux says it."""

from pathlib import Path

from pushserver.storage.sqlite.mount_points import is_mount_point, read_mount_points

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


def test_mounted_file(tmp_path: Path) -> None:
    """
    A file that is mounted is a mount point, also by a link; its folder is none, nor is
    a file beside it.
    """
    mounted, link = tmp_path / "a name.db", tmp_path / "link"
    link.symlink_to(mounted)
    mounts = tmp_path / "mountinfo"
    name = str(mounted).replace(" ", r"\040")
    mounts.write_text(f"22 21 8:1 /home/x.db {name} rw - ext4 /dev/sda1 rw\n")

    assert {mounted, link} == {
        path
        for path in (mounted, link, tmp_path, mounts, tmp_path / "a")
        if is_mount_point(path, mounts)
    }


def test_where_none_knows(tmp_path: Path) -> None:
    """
    Where no system says what is mounted, nothing is a mount point.
    """
    assert not is_mount_point(Path("/"), tmp_path / "mountinfo")
