"""Goes through a page as a reader does: saves its files, runs its commands in order."""

import re
from pathlib import Path

import attrs

from tests.docs.examples import stand_ins
from tests.docs.examples.blocks import Block, commands_of
from tests.docs.examples.not_run import not_run
from tests.docs.examples.rewriting import Addresses
from tests.docs.examples.terminal import Run, Terminal

TOKEN = "pst_only-for-trying-things-out"
_SERVE = re.compile(r"\b(scripts/|pushserver )serve\b(?!.*--help)")
#: Commands that go on until Ctrl-C, each in a terminal beside the first; and what they
#: have said when they are at work.
_GO_ON = (
    (_SERVE, '"url":'),
    (re.compile(r"pushserver simulate\b"), "Ctrl-C stops "),
    (re.compile(r"pushserver .*(events|results|audit).*--follow"), ""),
    (re.compile(r"pushserver \w+ watch\b"), ""),
    (re.compile(r"\bcurl -sN\b"), ""),
    (re.compile(r"python receiver\.py"), ""),
)
#: Commands that need a database that no server uses.
_ALONE = re.compile(r"pushserver (migrate-store|restore)\b|--restored\b")
#: Commands that end otherwise than with 0, and why.
_CODES = (
    (r"(tasks|upgrades) make.*--follow", {0, 1}, "a device failed, or never came"),
    (r"upgrades follow", {0, 1}, "a device failed"),
    (r"pushserver (--json )?doctor", {0, 1}, "simulated devices are odd at random"),
)
#: Commands that show how far a thing is, as often as somebody looks.
_SHOWS = re.compile(r"pushserver \w+ show\b")
#: What stands in an answer that refuses.
_REFUSED = re.compile("urn:pushserver:problem:|kapuaErrorCode")


@attrs.define
class Walk:
    """One page that is gone through, and what its latest commands printed."""

    terminal: Terminal
    addresses: Addresses
    runs: list[Run] = attrs.field(factory=list)
    outputs: list[Path] = attrs.field(factory=list)
    #: With what the things are made that the page takes for granted.
    token: str = TOKEN
    _may_refuse: bool = False

    def go(self, block: Block, *, may_refuse: bool = False) -> None:
        """
        Do what a block says: save it, or run its commands.

        `may_refuse`: what comes next is how the server refuses them.
        """
        self._may_refuse = may_refuse
        if block.saved_as:
            text = self.addresses.put_in(block.text)
            (self.terminal.folder / block.saved_as).write_text(text, "utf-8")
        elif block.language == "sh":
            self.runs = []
            self._run_all(block)

    def _run_all(self, block: Block) -> None:
        check = not_run(block)
        for command in commands_of(block):
            if check is None:
                self.run(command)
        if check is not None:
            check(block.text)

    def run(self, command: str) -> None:
        """Run one command; one that goes on is left to go on."""
        if _ALONE.search(command) or (
            _SERVE.search(command) and "--port 8081" not in command
        ):
            self.terminal.end_jobs(_SERVE.pattern)
        typed = (
            "y\n" if re.search(r"#.*\basks\b|pushserver purge \S+ +#", command) else ""
        )
        command = self.addresses.put_in(stand_ins.put_in(command, self.server))
        if secret := re.search(r"whsec_[\w+/=]{20,}", self.screen):
            command = command.replace("whsec_…", secret[0])
        for pattern, said in _GO_ON:
            if pattern.search(command):
                file = self.terminal.begin(command, said)
                # What servers and devices say is a log.
                self.outputs = self.outputs if said else [file]
                return
        self._check(self.terminal.run(command, typed))
        # A page that goes on has a server over the file, as before.
        if "migrate-store" in command:
            self.run(f"PUSHSERVER_ADMIN_TOKEN={TOKEN} scripts/serve --again")
        elif "pushserver restore" in command:
            self.run(f"PUSHSERVER_ADMIN_TOKEN={TOKEN} scripts/serve")

    def _check(self, run: Run) -> None:
        codes = [
            codes
            for pattern, codes, _ in _CODES
            if re.search(pattern, run.command, re.DOTALL)
        ]
        expected = codes[0] if codes else {0}

        assert run.code in expected, f"{run.command}\n{run.screen}"
        assert self._may_refuse or not _REFUSED.search(run.screen), run
        self.runs.append(run)

    def look_again(self) -> bool:
        """
        Look again at what changes by itself.

        Return whether there is such a thing: another terminal, or the thing that the
        last command shows.
        """
        if self.runs and _SHOWS.search(self.runs[-1].command):
            self.runs[-1] = self.terminal.run(self.runs[-1].command)
            return True
        return bool(self.outputs)

    @property
    def screen(self) -> str:
        """What the latest commands left on their terminals."""
        said = [file.read_text("utf-8") for file in self.outputs]
        screens = [run.screen for run in self.runs] + said
        return self.addresses.take_out("\n".join(screens))

    @property
    def server(self) -> stand_ins.Server:
        """The server that the page has started, or that was started before it."""
        return stand_ins.Server(self.addresses.server, self.token, self.addresses.hook)
