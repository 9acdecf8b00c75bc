"""Headers that a request may have once: what two of them mean, nobody can tell.

aiohttp's parser refuses those that frame a request or say what its body is.
"""

from multidict import MultiMapping

from pushserver.errors import Malformed


def single_header(headers: MultiMapping[str], name: str) -> str | None:
    """
    Return the one header of this *name*, if there is one.

    Raises:
        Malformed: there are several, be they alike or not.
    """
    values = headers.getall(name, ())
    if len(values) > 1:
        raise Malformed(f"{name} may be given once.")
    return values[0] if values else None
