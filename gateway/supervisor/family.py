"""The children of one generation of the configuration: what each is, and what it inherits.

Every generation has a file of its own, which its children read whenever they are started again, and data workers with
numbers of their own, since those of two generations serve side by side while the older ones drain.
"""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway import lifeline
from gateway.config.load import dump_resolved
from gateway.config.model import Config
from gateway.runtime import Runtime
from gateway.supervisor.errors import BadPlace
from gateway.supervisor.keeper import ChildSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What is started for one configuration. The embedded server is not among them: it outlives them all."""

    number: int
    config: Config
    control: ChildSpec
    shadow: ChildSpec
    data: tuple[ChildSpec, ...]


def family(
    number: int, config: Config, runtime: Runtime, data: Sequence[socket.socket], admin: socket.socket
) -> Family:
    """The children of generation `number`; its configuration is written for them. Raises `BadPlace`."""
    file = runtime.config_file(number)
    try:
        _write_private(file, dump_resolved(config))
    except OSError as error:
        raise BadPlace(f"the configuration cannot be written to {file}: {error.strerror}") from error

    def spec(role: str, index: int, listener: socket.socket | None) -> ChildSpec:
        descriptor = -1 if listener is None else listener.fileno()
        places = [str(runtime.run_dir), str(runtime.state_dir), str(number)]
        command = [*lifeline.python("gateway.child"), role, str(index), str(os.getpid()), str(descriptor), *places]
        name = f"{role}-{index}" if role == "data" else role
        return ChildSpec(name, command, inherited=() if listener is None else (descriptor,))

    first = (number - 1) * len(data)
    return Family(
        number=number,
        config=config,
        control=spec("control", 0, admin),
        shadow=spec("shadow", 0, None),
        data=tuple(spec("data", first + index, listener) for index, listener in enumerate(data)),
    )


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
