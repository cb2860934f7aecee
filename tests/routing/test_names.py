"""Names in Redis: one slot per endpoint."""

from redis.crc import key_slot

from routing.names import EndpointKeys


def test_all_keys_of_an_endpoint_are_in_one_cluster_slot() -> None:
    """So that one script may touch them all."""
    keys = EndpointKeys("dg", "chat")
    names = [keys.rollout, keys.rollouts, keys.stable, keys.grant, keys.audit]
    names += [keys.cells(3), keys.votes(3), keys.counts("r1"), keys.batch("b1"), keys.marks("w1")]
    assert len(set(names)) == len(names)
    assert len({key_slot(name.encode()) for name in names}) == 1
    assert keys.cells(3) == "dg:{chat}:cells:3"
