"""Clients in other languages: made of the description, compiled, and used."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.clients.answering_device import DEVICE
from tests.clients.tools import JOURNEYS, generate, generator_jar, needs, run
from tests.program import Program

pytestmark = pytest.mark.proof

#: How strictly TypeScript is compiled: without `skipLibCheck`.
_TSCONFIG = {
    "compilerOptions": {
        "strict": True,
        "target": "es2022",
        "module": "es2022",
        "moduleResolution": "bundler",
        "lib": ["es2022", "dom", "dom.iterable"],
        "types": [],
    },
    "files": ["journey.ts"],
}


def use(command: list[str | Path], server: Program, folder: Path) -> None:
    """Run a journey against the program."""
    run([*command, server.url, server.token, DEVICE], folder)


def compile_typescript(folder: Path, node_modules: Path, journey: str) -> None:
    """Compile a journey and the client beside it, and let node import them."""
    shutil.copy(JOURNEYS / journey, folder / "journey.ts")
    (folder / "node_modules").symlink_to(node_modules)
    (folder / "tsconfig.json").write_text(json.dumps(_TSCONFIG))
    run([node_modules / ".bin/tsc"], folder)
    (folder / "package.json").write_text('{"type": "module"}')


@needs("java")
def test_python(description: Path, answered: Program, tmp_path: Path) -> None:
    """
    A program works with the Python client of openapi-generator.
    """
    package = "pushserver_generated"
    generate("python", description, tmp_path, f"--package-name={package}")

    journey = JOURNEYS / "openapi_generator.py"
    run(
        [sys.executable, journey, answered.url, answered.token, DEVICE],
        tmp_path,
        {"PYTHONPATH": str(tmp_path)},
    )


@needs("java", "javac")
def test_java(description: Path, answered: Program, tmp_path: Path) -> None:
    """
    The Java client of openapi-generator compiles, and a program works with it.
    """
    # Without the second one, lists that were not set are sent as empty ones.
    options = (
        "--additional-properties=openApiNullable=false,containerDefaultToNull=true"
    )
    client = generate("java", description, tmp_path, "--library", "native", options)
    sources = [*(client / "src/main").rglob("*.java"), *JOURNEYS.glob("*.java")]
    run(["javac", "-d", "classes", "-cp", generator_jar(), *sources], tmp_path)

    use(["java", "-cp", f"classes:{generator_jar()}", "Journey"], answered, tmp_path)


@needs("java")
def test_go(description: Path, answered: Program, tmp_path: Path) -> None:
    """
    The Go client of openapi-generator compiles, and a program works with it.
    """
    folder = tmp_path / "pushserver"
    generate("go", description, folder, "--package-name=pushserver")
    shutil.rmtree(folder / "test")
    (folder / "go.mod").unlink()
    (tmp_path / "go.mod").write_text("module generated\n\ngo 1.23\n")
    shutil.copy(JOURNEYS / "journey.go", tmp_path)
    go = Path(sys.executable).parent / "go"
    offline = {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOCACHE": f"{tmp_path}/cache"}
    run([go, "vet", "."], tmp_path, offline)
    run([go, "build", "-o", "journey", "."], tmp_path, offline)

    use([tmp_path / "journey"], answered, tmp_path)


@needs("java", "node", "npm")
def test_typescript_fetch(
    description: Path, answered: Program, node_modules: Path, tmp_path: Path
) -> None:
    """
    The client that openapi-generator makes for TypeScript is strict, and works.
    """
    option = "--additional-properties=importFileExtension=.js"
    generate("typescript-fetch", description, tmp_path / "client", option)
    compile_typescript(tmp_path, node_modules, "typescript_fetch.ts")

    use(["node", "journey.js"], answered, tmp_path)


@needs("node", "npm")
def test_openapi_fetch(
    description: Path, answered: Program, node_modules: Path, tmp_path: Path
) -> None:
    """
    A program over openapi-fetch is strict with openapi-typescript's types, and works.
    """
    tool = node_modules / ".bin/openapi-typescript"
    run([tool, description, "-o", "schema.d.ts"], tmp_path)
    compile_typescript(tmp_path, node_modules, "openapi_fetch.ts")

    use(["node", "journey.js"], answered, tmp_path)
