"""The wheel alone is the whole program, wherever it is installed and run."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from pushserver import __version__
from pushserver.client import Client
from tests.program import Program
from tests.releases import SOURCE, Release, build_release

pytestmark = pytest.mark.only_on("sqlite")


@pytest.fixture(name="release", scope="module")
def _release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Return this tree as a release, built once."""
    return build_release(SOURCE, tmp_path_factory.mktemp("release"))


@pytest.fixture(name="installed")
def _installed(release: Release, tmp_path: Path) -> Iterator[Program]:
    """Return the program as it was installed, running."""
    program = Program(tmp_path, wrapper=release.wrapper)
    program.start()
    yield program
    program.kill()


async def test_it_is_all_there(installed: Program) -> None:
    """
    Installed, it makes its database, and has its pages, their files and languages.
    """
    async with (
        Client(installed.url, installed.token) as api,
        ClientSession() as session,
    ):
        documents = await api.openapi()
        pages = {}
        for language, path in (("en", ""), ("pt-BR", ""), ("en", "/api/v1/docs")):
            url = f"{installed.url}{path or '/console'}"
            headers = {"Accept-Language": language, "Accept": "text/html"}
            async with session.get(url, headers=headers) as answer:
                pages[language, path] = (answer.status, await answer.text())

    assert __version__ == documents["info"]["version"]
    assert {200} == {status for status, _ in pages.values()}
    assert "Sign in" in pages["en", ""][1]
    assert "Entrar" in pages["pt-BR", ""][1]
    assert installed.file.exists()


def test_its_command(release: Release, tmp_path: Path) -> None:
    """
    The installed command runs from any folder, and is of the folder it stands in.
    """
    done = subprocess.run(  # noqa: S603 - our own program
        [release.folder / "bin/pushserver", "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(release.folder)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, __version__) == (done.returncode, done.stdout.strip())
