"""The start of every child: `python -m gateway.child ROLE INDEX PARENT LISTENER RUN_DIR STATE_DIR CONFIG READY ALIVE`.

Before a role begins, the child binds its life to the supervisor's: a signal from the kernel when the parent dies, and a
pipe that closes with it, for systems whose kernel sends none. SIGINT is the supervisor's business; SIGTERM asks for an
orderly stop.

Where Redis is stands in the configuration file and not in the arguments, since its URL may hold a password.
"""

import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio

from gateway import logs, valkey
from gateway.config.load import load_resolved
from gateway.config.model import Config, LogSpec
from gateway.lifeline import bind_to_parent
from gateway.runtime import Runtime

ORPHAN_SECONDS: Final = 1.0
"""What an orphan may take to end in order; then a new gateway may want its port and its files."""
_ORPHANED: Final = 70
DEBUG_VARIABLE: Final = "DRIFTGATE_DEBUG"
"""Set, an error that ends a child shows its traceback; without, one that always fails does not fill the log with it."""

log = logging.getLogger("driftgate.child")


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments, read."""

    role: str
    index: int
    parent: int
    listener: int
    run_dir: Path
    state_dir: Path
    generation: int
    ready: int
    alive: int


def main(arguments: list[str]) -> int:
    """Run one role until the supervisor ends it; returns the exit code."""
    role, index, parent, listener, run_dir, state_dir, *numbers = arguments
    call = Call(role, int(index), int(parent), int(listener), Path(run_dir), Path(state_dir), *map(int, numbers))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bind_to_parent(call.parent)
    name = f"{call.role}-{call.index}" if call.role == "data" else call.role
    logs.configure(LogSpec(), name)  # until the configuration is read
    try:
        file = call.run_dir / f"config-{call.generation}.json"
        config = load_resolved(file.read_bytes())
        logs.configure(config.log, name)
        runtime = runtime_of(config, call.run_dir, call.state_dir)
        anyio.run(_run, call, config, runtime, backend_options={"use_uvloop": True})
    except Exception as error:  # the outermost edge: it is started again, and may fail again and again
        shown = error if os.environ.get(DEBUG_VARIABLE) else None
        log.critical("%s fails: %s; %s=1 shows more", call.role, _causes(error), DEBUG_VARIABLE, exc_info=shown)
        return 1
    return 0


def runtime_of(config: Config, run_dir: Path, state_dir: Path) -> Runtime:
    """The places of a gateway, as every one of its processes sees them."""
    external = config.redis.address()
    return Runtime(
        run_dir=run_dir,
        state_dir=state_dir,
        redis=external if external is not None else valkey.address_of(run_dir),
        redis_prefix=config.redis.prefix,
    )


def _causes(error: BaseException) -> str:
    """What went wrong and where, on one line, for each error of a group."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_causes(inner) for inner in error.exceptions)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


async def _run(call: Call, config: Config, runtime: Runtime) -> None:
    stop = anyio.Event()
    async with anyio.create_task_group() as tasks:
        await tasks.start(_stop_on_sigterm, stop)
        tasks.start_soon(_end_with_parent, call.alive, stop)
        await _role(call, config, runtime, stop)
        tasks.cancel_scope.cancel()


def _role(call: Call, config: Config, runtime: Runtime, stop: anyio.Event) -> Coroutine[Any, Any, None]:
    """The role's own coroutine. Imports here, so that a data worker never loads what only the control process needs."""
    ready = _teller(call.ready)
    match call.role:
        case "data":
            from gateway.data import worker  # noqa: PLC0415

            return worker.serve(config, runtime, index=call.index, listener=_inherited(call), ready=ready, stop=stop)
        case "shadow":
            from gateway import shadowing  # noqa: PLC0415

            return shadowing.serve(config, runtime, ready=ready, stop=stop)
        case "control":
            from gateway.control import main as control  # noqa: PLC0415

            return control.serve(config, runtime, listener=_inherited(call), ready=ready, stop=stop)
        case _:
            raise ValueError(f"no role is called {call.role!r}")


def _inherited(call: Call) -> socket.socket:
    listener = socket.socket(fileno=call.listener)
    listener.setblocking(False)
    return listener


def _teller(descriptor: int) -> Callable[[], None]:
    told = False

    def ready() -> None:
        nonlocal told
        if not told:
            told = True
            os.write(descriptor, b"1")
            os.close(descriptor)

    return ready


async def _stop_on_sigterm(stop: anyio.Event, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as received:
        task_status.started()
        async for _ in received:
            stop.set()


async def _end_with_parent(alive: int, stop: anyio.Event) -> None:
    await anyio.wait_readable(alive)
    log.warning("the supervisor is gone; ending")
    stop.set()
    await anyio.sleep(ORPHAN_SECONDS)
    os._exit(_ORPHANED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
