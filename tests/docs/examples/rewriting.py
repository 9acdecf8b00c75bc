"""What is other here than on the pages: addresses, instants, and patience."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs


@contextmanager
def reserved_port() -> Iterator[int]:
    """
    Keep a port for who listens on it by its number during the block.

    It is bound, and nobody listens: so no other program is given it.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        port: int = keeper.getsockname()[1]
        yield port


@attrs.frozen
class Addresses:
    """Where the examples of one page find what they talk to."""

    folder: Path
    port: int
    other_port: int
    receiver_port: int
    #: Where somebody takes webhooks already.
    hook: str
    #: A PostgreSQL, and one more into which a backup is restored.
    database: str = ""
    restored: str = ""

    @property
    def server(self) -> str:
        """The server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def receiver(self) -> str:
        """What takes webhooks."""
        return f"http://127.0.0.1:{self.receiver_port}/"

    def put_in(self, command: str) -> str:
        """Return *command* with what is other here put in."""
        for pattern, here in self._replacements():
            command = re.sub(pattern, here, command, flags=re.MULTILINE)
        return command

    def take_out(self, screen: str) -> str:
        """Return what is on a screen with the pages' addresses put in again."""
        screen = screen.replace(self.hook, "https://example.com/")
        return screen.replace(self.server, "http://127.0.0.1:8080")

    def _replacements(self) -> Iterator[tuple[str, str]]:
        yield r"http://127\.0\.0\.1:8080\b", self.server
        yield r"http://127\.0\.0\.1:9000/", self.receiver
        yield r"https://(app\.)?example(\.com)?/", self.hook
        yield r"--port 8081", f"--port {self.other_port}"
        yield r"postgresql://\S+/pushserver\b", f"'{self.database}'"
        yield r"postgresql://\S+/restored\b", f"'{self.restored}'"
        yield r"/etc/pushserver\.toml", f"{self.folder}/pushserver.toml"
        # Nor need a poll be held for long.
        yield r"serve --port 9000 --hold 20", f"serve --port {self.port} --hold 0.1"
        yield r"--port 9000\b", f"--port {self.port}"
        # The simulated device does not learn its key.
        yield r"devices key 478435", "devices key 478437"
        # These instants have to be over, and those to come, whatever the day is.
        yield (
            r"202\d(?=-\d\d-\d\d(T08:11:00Z|T13:00:00Z|T00:00:00Z +#| --dry-run))",
            "2020",
        )
        yield r"202\d(?=-\d\d-\d\d(T08:13:00Z|T00:00:00Z$))", "2999"
        # A simulated device need not be as slow as a real one, nor one that never comes
        # be waited for.
        yield r"--period [125]\b", "--period 0.1"
        yield r"--expires-in 20\b", "--expires-in 3"
        yield r"5% --follow", "5% --expires-in 3 --follow"
        yield r'"expiresIn": 20\b', '"expiresIn": 3'
