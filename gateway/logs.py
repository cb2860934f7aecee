"""How a process of the gateway logs: lines for people, or JSON objects for programs; both on standard error.

Nothing here decides what is said; what may not be said (prompts, answers, keys, webhooks' addresses) never gets here.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.config.model import LogSpec

HUMAN: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonLines(logging.Formatter):
    """One object a line: `at`, `level`, `logger`, `process`, `message`, and `error` where there is one."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(spec: LogSpec, process: str) -> None:
    """Log as the configuration says. `process` names it, such as `supervisor` or `data-0`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(process) if spec.format == "json" else logging.Formatter(HUMAN))
    logging.basicConfig(handlers=[handler], level=spec.level.upper(), force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its URLs may carry what an operator's webhook must not show
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # as are its targets, in every line it writes
