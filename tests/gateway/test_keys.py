import pytest

from gateway.config.model import KeySpec
from gateway.keys import ANYBODY, KeyRing, KeySecretMissing, bearer, new_token, stored_hash
from gateway.roles import Role

SECRET = "a secret that is long enough"


def entry(name: str, role: Role, token: str, **more: object) -> KeySpec:
    """The configuration's entry for `token`."""
    return KeySpec.model_validate({"name": name, "role": role, "hash": stored_hash(SECRET, token), **more})


def test_a_key_opens_the_gateway_as_its_holder() -> None:
    """The right token is known by its digest, with everything its entry says."""
    token = new_token()
    ring = KeyRing.from_config([entry("shop", Role.APP, token, tenant="t", endpoints=["chat"], pin=True)], SECRET)
    caller = ring.authenticate(token)
    assert caller is not None
    assert (caller.name, caller.tenant, caller.pin) == ("shop", "t", True)
    assert caller.may_ask("chat")
    assert not caller.may_ask("other")


@pytest.mark.parametrize("token", [None, "", "dg_wrong", "…", "\udcff"])
def test_any_other_token_opens_nothing(token: str | None) -> None:
    """Missing, empty, wrong and unprintable tokens are all nobody."""
    ring = KeyRing.from_config([entry("a", Role.ADMIN, new_token())], SECRET)
    assert ring.authenticate(token) is None


def test_a_placeholder_opens_nothing() -> None:
    """An entry copied from the documentation is no key, not even for its own placeholder."""
    ring = KeyRing.from_config([KeySpec(name="a", role=Role.ADMIN, hashes=("…",))], SECRET)
    assert not ring.is_open
    assert ring.authenticate("…") is None


def test_another_secret_opens_nothing() -> None:
    """A leaked configuration is worth nothing without the secret."""
    token = new_token()
    assert KeyRing.from_config([entry("a", Role.ADMIN, token)], SECRET[::-1]).authenticate(token) is None


def test_without_keys_everybody_may_do_everything() -> None:
    """An open gateway takes any token, and none; clients always send one."""
    ring = KeyRing.from_config([], None)
    assert ring.is_open
    assert ring.authenticate("sk-anything") is ANYBODY
    assert ring.authenticate(None) is ANYBODY
    assert ANYBODY.may_act_as(Role.ADMIN)
    assert ANYBODY.may_ask("chat")


@pytest.mark.parametrize("secret", [None, "", "short"])
def test_keys_without_a_usable_secret_are_an_error_that_says_what_to_do(secret: str | None) -> None:
    """A gateway that cannot check its keys does not start."""
    with pytest.raises(KeySecretMissing, match="DRIFTGATE_KEY_SECRET"):
        KeyRing.from_config([entry("a", Role.ADMIN, new_token())], secret)


@pytest.mark.parametrize(
    ("role", "asks", "highest"),
    [
        (Role.APP, True, None),
        (Role.VIEWER, False, Role.VIEWER),
        (Role.OPERATOR, False, Role.OPERATOR),
        (Role.DEPLOYER, False, Role.DEPLOYER),
        (Role.ADMIN, True, Role.ADMIN),
    ],
)
def test_each_role_reaches_its_planes_and_no_further(role: Role, asks: bool, highest: Role | None) -> None:
    """`app` asks models and operates nothing; the others operate up to their rank, and only admin asks too."""
    token = new_token()
    caller = KeyRing.from_config([entry("k", role, token)], SECRET).authenticate(token)
    assert caller is not None
    assert caller.may_ask("chat") is asks
    ranks = [Role.VIEWER, Role.OPERATOR, Role.DEPLOYER, Role.ADMIN]
    allowed = [rank for rank in ranks if caller.may_act_as(rank)]
    assert allowed == (ranks[: ranks.index(highest) + 1] if highest else [])


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer ", None), ("", None), (None, None)],
)
def test_a_bearer_token_is_read_from_its_header(header: str | None, token: str | None) -> None:
    """Only the bearer scheme carries a key."""
    assert bearer(header) == token


def test_two_keys_are_never_the_same() -> None:
    """Tokens are random, and recognisable."""
    first, second = new_token(), new_token()
    assert first != second
    assert first.startswith("dg_")


def test_two_keys_are_valid_at_once_and_each_ends_by_itself() -> None:
    """While clients take the new one, the old one works until its end; the entry's own end is for both."""
    now = [1_000.0]
    old, new = new_token(), new_token()
    hashes = [stored_hash(SECRET, new), stored_hash(SECRET, old) + " until 1970-01-01T00:30:00Z"]
    spec = KeySpec.model_validate({"name": "a", "role": "admin", "hash": hashes, "expires": "1970-01-01T01:00:00Z"})
    ring = KeyRing.from_config([spec], SECRET, lambda: now[0])
    assert ring.authenticate(old) is not None
    now[0] = 1_800.0
    assert ring.authenticate(old) is None
    assert ring.authenticate(new) is not None
    now[0] = 3_600.0
    assert ring.authenticate(new) is None
    assert not ring.is_open


def test_a_revoked_key_opens_nothing_and_does_not_open_the_gateway() -> None:
    """A ring whose keys are all revoked is closed, not open."""
    ring = KeyRing.from_config([KeySpec(name="a", role=Role.ADMIN, hashes=("revoked",))], SECRET)
    assert not ring.is_open
    assert ring.authenticate("revoked") is None
    assert ring.named_by("revoked") is None
