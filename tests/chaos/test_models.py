"""The model servers fail: the candidate's trouble reaches nobody, stable's comes through as it is."""

from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from tests.chaos.site import LEASE_SECONDS, Site

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


@pytest.fixture
def well(site: Site) -> Iterator[Site]:
    """The site, whose model servers are well again afterwards."""
    yield site
    site.candidate.behave()
    site.stable.behave()


@pytest.mark.parametrize("status", [404, 503])
def test_a_candidate_that_answers_with_errors_is_rolled_back(well: Site, status: int) -> None:
    """Every request falls back to stable; the rollout ends by itself within seconds."""
    with well.traffic():
        well.start()
        well.until_exposed()
        with well.fault(f"candidate answers {status}") as fault:
            well.candidate.behave(status=status)
            well.wait_for("rolled_back", 30.0)
            well.nobody_reaches_the_candidate(fault, fault.began + (monotonic() - fault.began), 0.5)
            fault.to_stable = well.last_on_candidate(fault.began)
    assert fault.errors == 0, well.complaints


def test_a_candidate_ten_times_slower_slows_only_its_own_users(well: Site) -> None:
    """No request fails, and stable's own answers take what they took before: mirrors never hold them up."""
    with well.traffic():
        well.start()
        well.until_exposed()
        with well.fault("candidate answers after 0.5 s") as fault:
            well.candidate.behave(first_byte_seconds=0.5)
            sleep(4.0)  # long enough for a backlog to build up
        slow = [
            taken.seconds
            for application in well.applications
            for taken in application.tally.taken
            if taken.arm == "stable" and fault.began + 1.0 < taken.asked_at < fault.ended
        ]
        assert sorted(slow)[len(slow) // 2] < 0.25, "the median of stable's answers"
        well.roll_back()
    assert fault.errors == 0, well.complaints


def test_stable_that_fails_is_seen_as_it_is_and_not_all_sent_to_the_candidate(well: Site) -> None:
    """Stable's own users get its error; half of the users stay with the candidate, and no more."""
    with well.traffic():
        well.start()
        well.until_exposed()
        with well.fault("stable answers 503") as fault:
            well.stable.behave(status=503)
            sleep(3.0)  # some hundred requests
            well.stable.behave()
        reached = len(well.candidate_users(fault.began)) - len(well.candidate_users(fault.ended))
        assert reached < 0.75 * fault.sent
        if well.rollout()["phase"] == "canary":
            well.roll_back()
    assert 0 < fault.errors < 0.75 * fault.sent
    assert all("status 503" in text for text in well.complaints), well.complaints


def test_after_a_rollback_nobody_returns_whatever_the_model_does(well: Site) -> None:
    """A candidate that is well again is not tried again."""
    with well.traffic():
        well.start()
        well.until_exposed()
        well.roll_back()
        since = monotonic()
        sleep(LEASE_SECONDS + 1.0)  # what must not happen takes this long to be seen not happening
        assert not well.candidate_users(since + 0.5)
    assert well.failed == 0, well.complaints
