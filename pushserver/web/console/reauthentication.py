"""Asks for one's token again, for what outlasts the session."""

from pushserver.errors import Invalid, Unauthorized
from pushserver.model.token import Token
from pushserver.web.authentication import authenticate_login
from pushserver.web.console.page import SignedInCall


async def authenticate_again(call: SignedInCall) -> Token:
    """
    Return the token of whoever is signed in, valid for as long as it is itself.

    A session makes no token that is valid after it, or a cookie that was stolen would
    be good for ever; whoever has the token gives it again.

    Raises:
        Invalid: it is not the one that they signed in with.
        TooManyWrongTokens: like too many of this address.
    """
    secret = call.form.get("token", "")
    try:
        token = await authenticate_login(call.request, call.services, secret)
    except Unauthorized:
        token = None
    if token is None or token.id != call.token.id:
        raise Invalid("Give the token that you signed in with.", pointer="/token")
    return token
