"""Mail that ``openssl cms`` sealed in any way it can, brought to our inbound engine: status, reasons and content.

``make fuzz`` draws fifty times as many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.pki.holding import Holding
from gateway.pki.key import SoftwareKey
from gateway.reason import Reason
from gateway.smime.finding import ordered, status_of
from tests.authority import Authority
from tests.engine.world import HELPDESK
from tests.inbound.made import Desk, mail, words
from tests.interop.contents import assert_shows
from tests.interop.correspondent import Correspondent, Sealing, Signing, Step, better, sealings, signings
from tests.interop.entities import ENTITIES

SEVERAL = settings(
    max_examples=max(settings().max_examples * 6 // 10, 1),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.large_base_example],
)


@pytest.fixture(scope="module")
def alice(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Correspondent:
    return Correspondent(tmp_path_factory.mktemp("correspondent"), authority)


@pytest.fixture(scope="module")
def helpdesk(authority: Authority, alice: Correspondent) -> Desk:
    """It holds a key of every kind, everybody's certificate, and the intermediate above them."""
    desk = Desk(authority)
    desk.intermediates = [authority.intermediate]
    desk.holdings["known"] = [
        Holding(issued.certificate, trusted=True, has_key=False) for issued in alice.people.values()
    ]
    for issued in alice.desks.values():
        desk.holdings[HELPDESK].append(Holding(issued.certificate, trusted=True, has_key=True))
        desk.private_keys[issued.certificate.public_key_id] = SoftwareKey(issued.private_key)
    return desk


@dataclass
class Expected:
    """What the steps, outermost first, must come to."""

    signature: str
    encryption: str
    shown: int
    """How many of the outer layers are not seen any more."""
    signers: int


def expected(steps: Sequence[Step]) -> Expected:
    """Layers open until an envelope stays closed; of the signatures inside what was opened the innermost counts.

    The signers of that one are listed, and all those around ciphertext that was opened; where there are no others,
    they count, and are never more than partial.
    """
    inside: list[Signing] = []
    around: list[Signing] = []
    encryption, shown = "none", 0
    for depth, step in enumerate(steps, 1):
        if isinstance(step, Signing):
            inside.append(step)
            shown = shown if step.clear else depth
        elif step.opens:
            around += inside
            inside.clear()
            encryption, shown = "decrypted", depth
        else:
            reason = Reason.WEAK_ALGORITHM if step.ours else Reason.NO_KEY
            encryption = f"failed {reason}" if encryption == "none" else encryption
            break
    reasons = ordered(wrong(inside[-1:] or around))
    if not inside and around:
        reasons = reasons or (Reason.PARTIAL,)
    status = status_of(reasons[0] if reasons else None) if inside or around else "none"
    signers = sum(step.options.count("-signer") for step in (*around, *inside[-1:]))
    return Expected(" ".join((status, *reasons[:1])), encryption, shown, signers)


def wrong(signings: Sequence[Signing]) -> set[Reason]:
    """What is wrong: of each person's signatures the best counts, of all persons everything."""
    people: dict[str, frozenset[Reason]] = {}
    for signing in signings:
        for person, found in signing.people.items():
            people[person] = better(people.get(person, found), found)
    return set().union(*people.values())


STEPS = st.lists(signings() | sealings(), min_size=1, max_size=4)


@SEVERAL
@given(entity=ENTITIES, steps=STEPS, as_text=st.booleans())
def test_random_mail_of_openssl(
    alice: Correspondent, helpdesk: Desk, entity: bytes, steps: list[Step], as_text: bool
) -> None:
    """TST-02: status by status and byte for byte; layers in any order, triple wrapping among them."""
    made = [entity]
    for step in reversed(steps):
        made.insert(0, alice.seal(made[0], step, as_text=as_text))
    want = expected(steps)
    outcome = helpdesk.receive(mail(made[0]))
    assert words(outcome) == (want.signature, want.encryption)
    assert len(outcome.finding.signature.signers) == want.signers
    assert_shows(outcome, made[want.shown])
    cbc = isinstance(steps[0], Sealing) and steps[0].cipher.endswith("cbc")
    if len(steps) == 1 and want.encryption == "decrypted":
        assert outcome.finding.encryption.authenticated is not cbc
