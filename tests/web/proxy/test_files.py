"""What the files for proxies say of times, which no test can wait for."""

import re

from pushserver.model.device import MAX_HOLD_SECONDS
from tests.web.proxy.real_proxy import DEPLOY


def test_nginx_waits_longer_than_any_hold() -> None:
    """
    Nginx gives no poll up that the server holds, however long it may.
    """
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    (seconds,) = re.findall(r"^ +proxy_read_timeout (\d+)s;", text, re.MULTILINE)

    assert int(seconds) > MAX_HOLD_SECONDS


def test_nginx_collects_no_answers() -> None:
    """
    Nginx takes no more of an answer than its reader takes: else a command would count
    as given while its device has not got it.
    """
    text = (DEPLOY / "nginx.conf").read_text("utf-8")

    assert ["off"] == re.findall(r"^ +proxy_buffering (\w+);", text, re.MULTILINE)


def test_caddy_waits_for_ever() -> None:
    """
    Caddy has no time within which an answer must come, unless its file has one.
    """
    text = (DEPLOY / "Caddyfile").read_text("utf-8")

    assert ["dial_timeout"] == re.findall(r"\w*timeouts?\b", text)
