"""The names of everything kept in Redis.

Every key of an endpoint carries the endpoint as its hash tag, so that a Cluster keeps them in one slot and one script
may touch them all.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EndpointKeys:
    """The key names of one endpoint, under the configured prefix."""

    prefix: str
    endpoint: str

    def _name(self, tail: str) -> str:
        return f"{self.prefix}:{{{self.endpoint}}}:{tail}"

    @property
    def rollout(self) -> str:
        """String: the latest rollout's document, JSON."""
        return self._name("rollout")

    @property
    def rollouts(self) -> str:
        """Hash: rollout id → document, so that ended rollouts can be shown."""
        return self._name("rollouts")

    @property
    def stable(self) -> str:
        """List: generations, JSON, oldest first."""
        return self._name("stable")

    @property
    def grant(self) -> str:
        """String with a time to live: the exposure lease, JSON. Absent means 100 % stable."""
        return self._name("grant")

    @property
    def audit(self) -> str:
        """Stream: every transition, field `entry`, JSON."""
        return self._name("audit")

    @property
    def freeze(self) -> str:
        """String, with a time to live where the freeze has an end: who froze the endpoint and why, JSON."""
        return self._name("freeze")

    def cells(self, epoch: int) -> str:
        """Hash: evidence counters of an epoch; HINCRBY only."""
        return self._name(f"cells:{epoch}")

    def votes(self, epoch: int) -> str:
        """Set: which voting keys have voted in an epoch."""
        return self._name(f"votes:{epoch}")

    def counts(self, rollout: str) -> str:
        """Hash: request counters of a rollout (served, fallback, cancelled, …)."""
        return self._name(f"counts:{rollout}")

    @property
    def made(self) -> str:
        """Hash with a time to live: how many responses were noted in the two halves."""
        return self._name("made")

    @property
    def made_halves(self) -> tuple[str, str]:
        """Hashes with a time to live: 64 bits of a response's id → the model that made it; written in turn."""
        return self._name("made:0"), self._name("made:1")

    def review(self, epoch: int) -> str:
        """Sorted set, by draw: the ids of the pairs of an epoch that are kept for review."""
        return self._name(f"review:{epoch}")

    def review_pair(self, pair_id: str) -> str:
        """String with a time to live: one kept pair, JSON. The only key that holds what somebody wrote."""
        return self._name(f"pair:{pair_id}")

    def labels(self, epoch: int) -> str:
        """Hash: pair id → what a person said of it, and who."""
        return self._name(f"labels:{epoch}")

    def batch(self, batch_id: str) -> str:
        """String with a time to live: marks a data worker's batch, so that a repeated flush adds nothing."""
        return self._name(f"batch:{batch_id}")

    def marks(self, writer: str) -> str:
        """Sorted set with a time to live: the last batches of one shadow worker that were written, by number."""
        return self._name(f"marks:{writer}")


def leader_key(prefix: str) -> str:
    """String with a time to live: which controller leads."""
    return f"{prefix}:leader"


def exposure_channel(prefix: str) -> str:
    """Pub/sub channel on which an endpoint's name is published after each transition."""
    return f"{prefix}:exposure"
