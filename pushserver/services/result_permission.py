"""Only a token that may read results may have them posted to a URL."""

from pushserver.errors import Forbidden
from pushserver.model.subscription import WebhookFormat
from pushserver.model.token import Permission, Token


def require_results_read(
    token: Token, format_: WebhookFormat, *, include_result: bool
) -> None:
    """
    Check that *token* may make or change a subscription of this kind.

    Raises:
        Forbidden: the subscription includes results, which the token may not read.
    """
    includes_results = include_result or format_ is not WebhookFormat.NATIVE
    if includes_results and not token.has_permission(Permission.RESULTS_READ):
        raise Forbidden(
            "A subscription that includes results needs the permission results:read."
        )
