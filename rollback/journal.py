"""What a gateway must remember when Redis cannot: a local file, one JSON object a line, synced line by line.

It holds the latest generation of each endpoint, the rollouts that were rolled back here, which rollout was running at
what weight, and the highest revision and epoch ever seen. So a rollback survives Redis, and when Redis comes back
empty or with older data, the counting goes on where it was.

A crash may tear the last line; it is cut off. A damaged line in the middle is skipped and counted in `damaged`: the
caller must raise an alarm. One process writes; any may read.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from rollback.errors import JournalFailed
from routing.exposure import Generation

LONGEST: Final = 2_000
"""Lines after which the file is written anew with what still matters."""


class GenerationNoted(msgspec.Struct, tag="generation", frozen=True):
    """The endpoint's stable is this generation."""

    endpoint: str
    generation: Generation


class RolledBackNoted(msgspec.Struct, tag="rolled_back", frozen=True):
    """The rollout was rolled back and must never have weight again."""

    endpoint: str
    rollout: str
    revision: int
    reason: str = ""
    actor: str = ""


class SeenNoted(msgspec.Struct, tag="seen", frozen=True):
    """The state of an endpoint's rollout; `rollout` is empty where none is running."""

    endpoint: str
    revision: int
    epoch: int
    rollout: str = ""
    weight_bps: int = 0


Line: TypeAlias = GenerationNoted | RolledBackNoted | SeenNoted

_decoder: "msgspec.json.Decoder[Line]" = msgspec.json.Decoder(GenerationNoted | RolledBackNoted | SeenNoted)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class JournalState:
    """What the lines of a journal amount to, by endpoint. `latches` and `running` hold the last of each."""

    generations: Mapping[str, Generation] = field(default_factory=dict)
    latches: Mapping[str, RolledBackNoted] = field(default_factory=dict)
    running: Mapping[str, SeenNoted] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    damaged: int = 0

    @property
    def latched(self) -> Mapping[str, str]:
        """Endpoint → the last rollout that was rolled back there."""
        return {endpoint: latch.rollout for endpoint, latch in self.latches.items()}

    def after(self, line: Line) -> "JournalState":
        """The state with one more line. Numbers only ever rise."""
        match line:
            case GenerationNoted(endpoint=endpoint, generation=generation):
                known = self.generations.get(endpoint)
                if known is not None and known.number > generation.number:
                    return self
                return replace(self, generations={**self.generations, endpoint: generation})
            case RolledBackNoted(endpoint=endpoint, revision=revision, rollout=rollout):
                ended = self.running.get(endpoint)
                running = {name: seen for name, seen in self.running.items() if name != endpoint}
                return replace(
                    self,
                    latches={**self.latches, endpoint: line},
                    running=running if ended is None or ended.rollout == rollout else self.running,
                    revisions=_risen(self.revisions, endpoint, revision),
                )
            case SeenNoted(endpoint=endpoint, revision=revision, epoch=epoch):
                others = {name: seen for name, seen in self.running.items() if name != endpoint}
                return replace(
                    self,
                    running={**others, endpoint: line} if line.rollout else others,
                    revisions=_risen(self.revisions, endpoint, revision),
                    epochs=_risen(self.epochs, endpoint, epoch),
                )

    def lines(self) -> Iterable[Line]:
        """The fewest lines that amount to this state."""
        for endpoint, generation in self.generations.items():
            yield GenerationNoted(endpoint, generation)
        yield from self.latches.values()
        for endpoint in sorted({*self.revisions, *self.epochs}):
            running = self.running.get(endpoint)
            yield SeenNoted(
                endpoint=endpoint,
                revision=self.revisions.get(endpoint, 0),
                epoch=self.epochs.get(endpoint, 0),
                rollout=running.rollout if running else "",
                weight_bps=running.weight_bps if running else 0,
            )


def _risen(numbers: Mapping[str, int], endpoint: str, number: int) -> Mapping[str, int]:
    return {**numbers, endpoint: max(number, numbers.get(endpoint, 0))}


def replay(data: bytes) -> JournalState:
    """The state that a journal's bytes amount to. Bytes after the last newline are a torn line, and ignored."""
    state = JournalState()
    for raw in data.split(b"\n")[:-1]:
        try:
            state = state.after(_decoder.decode(raw))
        except (msgspec.MsgspecError, ValueError):
            state = replace(state, damaged=state.damaged + 1)
    return state


def read_journal(path: Path) -> JournalState:
    """The journal at `path`; a file that is not there is an empty one. Raises `JournalFailed`."""
    try:
        return replay(path.read_bytes())
    except FileNotFoundError:
        return JournalState()
    except OSError as error:
        raise JournalFailed(f"the journal {path} cannot be read: {error.strerror}") from error


class Journal:
    """The one writer of a gateway's journal. Its calls block until the disk has the line: call them from a thread."""

    def __init__(self, path: Path) -> None:
        """Opens the file, cuts a torn line off, and makes it short again if it can. Raises `JournalFailed`."""
        self._path = path
        self.state = read_journal(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lines = self._cut_torn_line()
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalFailed(f"the journal {path} cannot be opened: {error.strerror}") from error
        self._shorten()

    def close(self) -> None:
        """Give the file back; everything in it is synced already."""
        os.close(self._fd)

    def note(self, line: Line) -> None:
        """Add a line unless it says nothing new. On return it is on the disk; raises `JournalFailed` otherwise."""
        after = self.state.after(line)
        if after == self.state:
            return
        self._append(_encoder.encode(line) + b"\n")
        self.state = after
        self._lines += 1
        self._shorten()

    def _append(self, data: bytes) -> None:
        start = os.fstat(self._fd).st_size
        try:
            written = os.write(self._fd, data)
            if written != len(data):
                raise OSError(0, "the disk is full")  # noqa: TRY301 - one way out for every failed write
            os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._fd, start)
            raise JournalFailed(f"the journal {self._path} cannot be written: {error.strerror}") from error

    def _cut_torn_line(self) -> int:
        with suppress(FileNotFoundError):
            data = self._path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole != len(data):
                os.truncate(self._path, whole)
            return data.count(b"\n")
        return 0

    def _shorten(self) -> None:
        """Make a long file short. Where there is no room it stays long: it is whole, and the next line tries."""
        if self._lines > LONGEST:
            with suppress(JournalFailed):
                self._compact()

    def _compact(self) -> None:
        """Write the state anew beside the old file and put it in its place; readers see one or the other."""
        fresh = self._path.with_suffix(".new")
        lines = [_encoder.encode(line) for line in self.state.lines()]
        try:
            with fresh.open("wb") as file:
                fresh.chmod(0o600)
                file.write(b"".join(line + b"\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
            _sync_directory(self._path.parent)
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise JournalFailed(f"the journal {self._path} cannot be rewritten: {error.strerror}") from error
        os.close(self._fd)
        self._fd, self._lines = fd, len(lines)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
