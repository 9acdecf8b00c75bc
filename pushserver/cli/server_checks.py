"""What `doctor` makes of the server's own status: pure functions."""

from datetime import UTC, datetime, timedelta

from pushserver.cli.checks import MAX_CLOCK_SKEW, Finding, Level
from pushserver.client import Json

#: A nightly check that is older was left out twice.
MAX_CHECK_AGE = timedelta(days=3)
MEBIBYTE = 1024 * 1024
#: Bytes below which a disk is as good as full: a body and the write-ahead log of it.
MIN_FREE = 256 * MEBIBYTE


def check_status(status: Json) -> list[Finding]:
    """Judge what the server says of itself; a tenant is told nothing of it."""
    return [
        *_failing_workers(status),
        *_integrity(status),
        *_storage(status),
        *_host_clocks(status),
    ]


def _failing_workers(status: Json) -> list[Finding]:
    failing = status.get("failingWorkers")
    if not failing:
        return []
    names = ", ".join(f"{name} ({rounds} times)" for name, rounds in failing.items())
    found = f"Work in the background fails again and again: {names}."
    todo = "See worker.round_failed in the server's log."
    return [Finding(Level.WRONG, "workers", found, todo)]


def _integrity(status: Json) -> list[Finding]:
    """Judge the last check of the database, if there was one."""
    outcome = status.get("integrity")
    if outcome is None:
        if "storage" not in status:
            return []
        found = "The database was not checked for damage yet."
        if _instant(status["now"]) - _instant(status["startedAt"]) < MAX_CHECK_AGE:
            return [
                Finding(Level.OK, "integrity", f"{found[:-1]}: the server is young.")
            ]
        todo = "See INTEGRITY_CHECK, and let the server run at that time."
        return [Finding(Level.NOTICE, "integrity", found, todo)]
    age = _instant(status["now"]) - _instant(outcome["checkedAt"])
    when = f"{age // timedelta(hours=1)} hours ago"
    if not outcome["faults"]:
        found = f"The database was sound when it was checked, {when}."
        if age > MAX_CHECK_AGE:
            todo = "See INTEGRITY_CHECK, and let the server run at that time."
            return [Finding(Level.NOTICE, "integrity", found, todo)]
        return [Finding(Level.OK, "integrity", found)]
    found = f"The database is damaged, as a check found {when}: {outcome['faults'][0]}."
    todo = "Copy the file, and restore a backup from before the damage."
    return [Finding(Level.WRONG, "integrity", found, todo)]


def _storage(status: Json) -> list[Finding]:
    """Judge the disk and the modes of a SQLite file; a PostgreSQL is not here."""
    storage = status.get("storage")
    if storage is None:
        return []
    size, free = storage["size"], storage["free"]
    sizes = f"The database has {_mebibytes(size)}, the disk {_mebibytes(free)} left"
    findings = []
    if free < max(MIN_FREE, size // 10):
        found = f"{sizes}."
        todo = "Make room, or set RETENTION: on a full disk nothing is accepted."
        level = Level.WRONG if free < MIN_FREE else Level.NOTICE
        findings.append(Finding(level, "disk", found, todo))
    if storage["readableByOthers"]:
        found = "Other users of the server's machine can read the database's files."
        todo = "Run `chmod o-rwx` for it and for the files -wal and -shm beside it."
        findings.append(Finding(Level.WRONG, "fileModes", found, todo))
    found = f"{sizes}, and no other user reads it."
    return findings or [Finding(Level.OK, "storage", found)]


def _mebibytes(size: int) -> str:
    return f"{size // MEBIBYTE} MiB"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _host_clocks(status: Json) -> list[Finding]:
    """Judge the clocks of the servers' machines, beside that of the store."""
    clocks = status.get("clocks", ())
    wrong = [each for each in clocks if abs(each["ahead"]) > MAX_CLOCK_SKEW]
    findings = [
        Finding(
            Level.WRONG,
            "serverClocks",
            f"The clock of {each['host']} is {each['ahead']:+.0f} s from the"
            " database's, by which all servers go.",
            "Set both by NTP.",
        )
        for each in wrong
    ]
    unkept = sorted({each["host"] for each in clocks if not each["synchronized"]})
    if unkept:
        found = f"Nobody keeps the clock right of {', '.join(unkept)}."
        todo = (
            "Set it by NTP: else, after the machine was started anew, waiting"
            " commands that must not be given twice expire."
        )
        findings.append(Finding(Level.NOTICE, "clockSync", found, todo))
    if clocks and not findings:
        findings = [Finding(Level.OK, "serverClocks", "The servers' clocks agree.")]
    return findings
