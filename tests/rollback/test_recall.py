"""What this gateway remembers, held against what Redis says after it came back."""

from rollback.journal import JournalState, SeenNoted
from rollback.plan import Stage
from rollback.recall import recalled
from rollback.rollout import Holding, Phase
from tests.rollback.scenes import rollout


def test_a_rewound_rollout_is_held_with_the_fewest_rings_of_its_weight() -> None:
    """Two stages share a weight: nobody is exposed who may not have been."""
    stages = (Stage(0), Stage(0, include=("ring:a",)), Stage(500, include=("ring:a",)))
    known = SeenNoted(endpoint="chat", revision=9, epoch=1, rollout="chat-20261121-7f3a", weight_bps=0)
    journal = JournalState(running={"chat": known}, revisions={"chat": 9})
    held = recalled(rollout(stages=stages, stage=1), journal, 60.0)
    assert held is not None
    assert (held.stage, held.weight_bps, held.phase, held.holding) == (0, 0, Phase.SHADOWING, Holding.PAUSED)
    assert held.revision > 9
