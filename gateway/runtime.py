"""Where one running gateway keeps its sockets and files, as every process of it sees them.

The supervisor makes it once and hands it to its children; it holds places, not connections.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from routing.address import RedisAddress

Ready: TypeAlias = Callable[[], None]
"""Tells the supervisor that a child can do its work."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Places of one gateway. `run_dir` is short, since a unix socket's path is limited to about 107 bytes.

    `redis` is what the children connect to: the embedded server's socket, or the operator's Redis.
    """

    run_dir: Path
    state_dir: Path
    redis: RedisAddress
    redis_prefix: str

    @property
    def control_socket(self) -> Path:
        """The control process listens here; data and shadow workers connect."""
        return self.run_dir / "control.sock"

    @property
    def shadow_socket(self) -> Path:
        """The shadow worker listens here; data workers hand their exchanges over."""
        return self.run_dir / "shadow.sock"

    def config_file(self, generation: int) -> Path:
        """The resolved configuration, mode 0600, as the supervisor read it; a generation for each time it did."""
        return self.run_dir / f"config-{generation}.json"

    @property
    def journal(self) -> Path:
        """What must be remembered when Redis is not there: generations, latched rollbacks, highest revisions."""
        return self.state_dir / "journal.jsonl"
