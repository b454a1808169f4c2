"""Random mail through our outbound engine, under every algorithm of the configuration, opened by ``openssl cms``.

The whole message is given to the command, as it leaves. What OpenSSL 3.0 cannot do (EdDSA, X25519) is left out.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.engine.algorithms import Algorithms
from gateway.pki.holding import Holding
from gateway.policy.rule import Group, Level, Rules
from tests.authority import Authority
from tests.engine.world import HELPDESK, World
from tests.inbound.made import mail
from tests.interop.contents import parts
from tests.interop.entities import ENTITIES
from tests.openssl import Witness

KINDS = ("rsa-2048", "rsa-3072", "p256", "p384", "p521")
SEVERAL = settings(
    max_examples=max(settings().max_examples // 2, 1),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ALGORITHMS = st.builds(
    Algorithms,
    digest=st.sampled_from(["sha256", "sha384", "sha512"]),
    sign_rsa=st.sampled_from(["pkcs1v15", "pss"]),
    cipher=st.sampled_from(["aes-256-cbc", "aes-128-cbc", "aes-256-gcm", "aes-128-gcm"]),
    encrypt_rsa=st.sampled_from(["pkcs1v15", "oaep"]),
)


@pytest.fixture(scope="module")
def world(authority: Authority) -> World:
    """A reader, and a certificate of the helpdesk, for every kind of key."""
    world = World(authority)
    for kind in KINDS:
        world.hold(f"{kind}@example.com", kind=kind)
        world.hold(HELPDESK, key=True, kind=kind)
    return world


@pytest.fixture(scope="module")
def own(world: World) -> dict[str, Holding]:
    return dict(zip(KINDS, world.holdings[HELPDESK], strict=True))


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Witness:
    return Witness(tmp_path_factory.mktemp("witness"))


@SEVERAL
@given(
    entity=ENTITIES,
    algorithms=ALGORITHMS,
    signer=st.sampled_from([*KINDS, None]),
    readers=st.lists(st.sampled_from(KINDS), max_size=4, unique=True),
)
def test_random_mail_of_ours(
    world: World,
    own: dict[str, Holding],
    witness: Witness,
    entity: bytes,
    algorithms: Algorithms,
    signer: str | None,
    readers: list[str],
) -> None:
    """OUT-06, TST-02: every reader decrypts it, the signature holds under the root, every part is what was sent."""
    world.algorithms = algorithms
    world.holdings[HELPDESK] = [own[signer]] if signer else []
    levels = [Level.REQUIRED if wanted else Level.NEVER for wanted in (signer, readers)]
    world.rules = Rules(groups=(Group("support", (HELPDESK,), *levels),))
    to = [f"{kind}@example.com" for kind in readers] or ["nobody@example.com"]
    content = mail(entity, author=HELPDESK).replace(f"To: {HELPDESK}".encode(), f"To: {', '.join(to)}".encode(), 1)
    (delivery,) = world.send(content, *to).deliveries
    assert (delivery.signed, delivery.encrypted) == (bool(signer), bool(readers))
    for kind in readers or [None]:
        shown = bytes(delivery.content)
        if kind:
            issued = world.issued[f"{kind}@example.com"]
            shown = witness.decrypt(shown, issued.pem() + issued.key_pem())
        if signer:
            shown = witness.verify(shown, world.authority.root.pem())
        assert parts(shown) == parts(entity)
