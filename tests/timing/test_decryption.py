"""DEC-06, DEC-07: how long a decryption takes does not tell what came of it.

Of RSA unpadding (PKCS#1 v1.5, valid or broken) through what opens envelopes, and of both outcomes through the inbound
door, as the client sees it. Each message is used once, for both ways come as strangers' do: never twice the same.
"""

import secrets
import smtplib
from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import algorithms

from gateway.asn1 import der
from gateway.cms.algorithm import TRANSPORTS
from gateway.cms.enveloped import Enveloped, decrypt, read_enveloped
from gateway.cms.identity import issuer_and_serial
from gateway.cms.parameter import transport_identifier
from gateway.cms.rejected import Rejected
from gateway.pki.key import SoftwareKey
from tests.authority import Authority, Issued
from tests.cms import foreign
from tests.e2e.daemon import SUPPORT, Daemon
from tests.e2e.sink import Sink
from tests.inbound.content_key import CBC, KEY, OTHER, cbc, wrapped
from tests.inbound.made import TEXT, p7m
from tests.letters import head
from tests.timing.welch import THRESHOLD, measured, statistic, told

UNPADDINGS, MESSAGES = 20_000, 500
"""Pairs that are measured."""

Way = Callable[[int], object]


def holds(what: str, ways: Callable[[], tuple[Way, Way]], pairs: int) -> None:
    """Measure, say what was found, and fail where there is a difference: one that shows again, the same way round."""
    found = []
    while len(found) < 2:
        samples = measured(ways(), pairs)
        print(f"\n{what}: {told(samples)}")
        found.append(statistic(samples))
        if abs(found[-1]) < THRESHOLD:
            return
    assert found[0] * found[1] < 0, f"{what}: t = {found[0]:+.2f} and {found[1]:+.2f}"


@pytest.fixture(scope="module")
def support(authority: Authority) -> Issued:
    return authority.leaf(SUPPORT, kind="rsa-2048")


def padded(who: Issued, size: int) -> bytes:
    """A content key of that size, encrypted as it should be."""
    key = who.certificate.public_key
    assert isinstance(key, rsa.RSAPublicKey)
    return key.encrypt(secrets.token_bytes(size), padding.PKCS1v15())


def broken(who: Issued, _: int) -> bytes:
    """Octets in which the key finds no padding, but for one in some 65,000."""
    key = who.certificate.public_key
    assert isinstance(key, rsa.RSAPublicKey)
    return secrets.randbelow(key.public_numbers().n).to_bytes(256)


@pytest.mark.parametrize(
    ("name", "other", "size"), [("broken", broken, 0), ("of another length", padded, 16), ("valid as well", padded, 32)]
)
def test_dec_06_unpadding(support: Issued, name: str, other: Callable[[Issued, int], bytes], size: int) -> None:
    """The last one is the control: it shows what the machine makes of two ways that are the same."""
    key, certificate = SoftwareKey(support.private_key), support.certificate
    sealed = foreign.cbc(algorithms.AES, CBC, KEY, TEXT)
    algorithm = transport_identifier(TRANSPORTS["pkcs1v15"])

    def envelope(octets: bytes) -> Enveloped:
        info = der.sequence(der.integer(0), issuer_and_serial(certificate), algorithm, der.octets(octets))
        return read_enveloped(foreign.envelope(info, sealed))

    def ways() -> tuple[Way, Way]:
        # Made in turn: what was made last would still be in the processor's memory.
        made = [(envelope(padded(support, 32)), envelope(other(support, size))) for _ in range(UNPADDINGS)]

        def way(side: int) -> Way:
            def run(number: int) -> None:
                with suppress(Rejected):
                    decrypt(made[number][side], certificate, key)

            return run

        return way(0), way(1)

    holds(f"PKCS#1 v1.5, valid and {name}", ways, UNPADDINGS)


def stranger() -> str:
    """A sender of his own for each: so many are held of one."""
    return f"{secrets.token_hex(8)}@customer.example"


def message(cms: bytes) -> bytes:
    return head(message_id=f"<{secrets.token_hex(8)}@customer.example>") + p7m(cms)


def opens(who: Issued, _: bytes) -> bytes:
    return fresh(who)


def fails(who: Issued, _: bytes) -> bytes:
    return fresh(who)[:-1] + b"\0"


def is_reused(_: Issued, info: bytes) -> bytes:
    return cbc(info, entity=OTHER + secrets.token_hex(8).encode())


def fresh(who: Issued) -> bytes:
    key = secrets.token_bytes(32)
    return cbc(wrapped(who, key), key=key)


@pytest.mark.parametrize("other", [fails, is_reused])
def test_dec_07_outcomes_through_the_door(
    authority: Authority, support: Issued, other: Callable[[Issued, bytes], bytes]
) -> None:
    sink, info = Sink().start(), wrapped(support)
    try:
        with Daemon({"inbound": sink.port}, workers=1, inbound={"failed_decrypts_per_hour": 1_000_000}) as daemon:
            daemon.import_(authority.root.pem(), authority.intermediate.pem(), support.pem() + support.key_pem())
            with smtplib.SMTP("127.0.0.1", daemon.start().doors["inbound"]) as client:
                client.ehlo()
                client.sendmail("alice@customer.example", SUPPORT, message(cbc(info)))

                def way(made: Callable[[Issued, bytes], bytes]) -> Way:
                    messages = [message(made(support, info)) for _ in range(MESSAGES)]
                    return lambda number: client.sendmail(stranger(), SUPPORT, messages[number])

                holds(f"decrypted and {other.__name__}", lambda: (way(opens), way(other)), MESSAGES)
    finally:
        sink.stop()
