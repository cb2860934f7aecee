"""Errors of asking a model server. Each carries `kind`, a short code for counters, headers and evidence.

UpstreamFailure
├── ConnectFailed    no connection: refused, unreachable, dns, tls, connect_timeout
├── Saturated        every connection allowed to this server is busy: saturated
├── LeftAlone        the model's servers failed lately, and are not asked for a while: breaker_open
├── TimedOut         connected, but too slow: timeout (first byte), stalled (between chunks), overlong (in all)
└── BrokenAnswer     the answer broke: reset, truncated, malformed, oversized

An HTTP error status is an answer, not a failure.
"""


class UpstreamFailure(Exception):
    """The model server gave no complete answer."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ConnectFailed(UpstreamFailure):
    """No connection could be made; nothing was sent."""


class Saturated(UpstreamFailure):
    """No connection became free in time; nothing was sent."""


class LeftAlone(UpstreamFailure):
    """No server of the model is well enough to be asked; nothing was sent."""


class TimedOut(UpstreamFailure):
    """The server was connected and too slow."""


class BrokenAnswer(UpstreamFailure):
    """The answer ended early, or was no HTTP."""
