"""What is said of a text that is longer than there is room for."""


class TooLong(Exception):
    """A result, or an event, is longer than whoever asks for it has room for."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size
