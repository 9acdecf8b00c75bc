"""The client without asyncio, for scripts and for programs with threads.

    with Client("https://push.example.com", token) as client:
        command = client.commands.enqueue("478435", {"endpoint": "reboot"})
        command = client.commands.wait(command["id"], timeout=60)
        for device in client.devices.iterate(online=False):
            ...

It has the calls, types and errors of `pushserver.client`.
"""

from pushserver.client.sync.client import Client

__all__ = ["Client"]
