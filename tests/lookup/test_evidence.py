"""CRLs and OCSP responses from where certificates say they are: verified, or not taken (rows NET-03, NET-04)."""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from gateway.errors import Malformed
from gateway.lookup import Found, NotFetched, look_up
from gateway.lookup.crl import MAX_SIZE
from gateway.pki.revocation import RevocationList, StatusResponse
from gateway.pki.sources import Kind, Source, sources_of
from tests.authority import EMAIL_PROTECTION, Authority, Issued, tlv
from tests.lookup.site import Site

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
NOT_TAKEN = (NotFetched, Malformed)


class Case:
    """A leaf that names a CRL and a responder on ``site``."""

    def __init__(self, site: Site, authority: Authority) -> None:
        self.site, self.authority = site, authority
        extensions = site.list_at("/list.crl"), site.responder_at("/ocsp")
        self.leaf = authority.leaf("a@example.com", kind="p256", extensions=extensions)
        path = tuple(each.certificate for each in (self.leaf, *self.leaf.issuers))
        self.lists, self.responses = sources_of(path)

    def at_list(self, made: x509.CertificateRevocationList | bytes) -> Found:
        data = made if isinstance(made, bytes) else made.public_bytes(Encoding.DER)
        return self._found(self.lists, "/list.crl", data)

    def at_responder(self, data: bytes) -> Found:
        return self._found(self.responses, "/ocsp", data)

    def _found(self, source: Source, path: str, data: bytes) -> Found:
        self.site.put(path, data)
        return look_up(source, self.site.fetch(), AT)


@pytest.fixture
def case(site: Site, authority: Authority) -> Case:
    return Case(site, authority)


# CRLs


def test_a_list_is_fetched_whether_it_names_the_certificate_or_not(case: Case, authority: Authority) -> None:
    for made in (authority.revocation_list(), authority.revocation_list(case.leaf)):
        found = case.at_list(made)
        assert isinstance(found, RevocationList)
        assert found.der == made.public_bytes(Encoding.DER)
    assert case.site.paths() == ["/list.crl"] * 2


@pytest.mark.parametrize(
    "times",
    [
        {"at": AT - 30 * DAY, "until": AT - DAY},
        {"at": AT - 30 * DAY, "until": AT - 6 * MINUTE},
        {"at": AT + 6 * MINUTE, "until": AT + DAY},
        {"at": AT + 30 * DAY, "until": AT + 60 * DAY},
    ],
)
def test_net_04_a_stale_or_future_list_is_not_taken(case: Case, authority: Authority, times: Any) -> None:
    for revoked in ((), (case.leaf,)):
        with pytest.raises(NotFetched, match="out of date"):
            case.at_list(authority.revocation_list(*revoked, **times))


@pytest.mark.parametrize("times", [{"until": AT - 4 * MINUTE}, {"at": AT + 4 * MINUTE}])
def test_net_04_clocks_may_differ_a_little(case: Case, authority: Authority, times: Any) -> None:
    assert isinstance(case.at_list(authority.revocation_list(**times)), RevocationList)


def test_net_04_a_list_of_another_issuer_is_not_taken(case: Case, authority: Authority) -> None:
    stranger = Authority(name="Stranger").root
    impostor = authority.ca("Test Intermediate", issuer=None)
    mail = authority.leaf("x@example.com", kind="p256")
    for made in (
        authority.revocation_list(case.leaf, issuer=authority.root),
        authority.revocation_list(case.leaf, issuer=stranger),
        authority.revocation_list(case.leaf, signer=stranger),
        authority.revocation_list(case.leaf, issuer=impostor),
        authority.revocation_list(case.leaf, signer=mail),
    ):
        with pytest.raises(NotFetched, match="does not speak"):
            case.at_list(made)


def test_net_04_a_list_out_of_scope_is_not_taken(case: Case, authority: Authority) -> None:
    facts = {"full_name": None, "relative_name": None, "only_some_reasons": None, "indirect_crl": False}
    of_cas = x509.IssuingDistributionPoint(
        only_contains_user_certs=False, only_contains_ca_certs=True, only_contains_attribute_certs=False, **facts
    )
    with pytest.raises(NotFetched, match="does not speak"):
        case.at_list(authority.revocation_list(extensions=((of_cas, True),)))


def test_net_03_a_delta_list_is_not_taken_for_a_complete_one(case: Case, authority: Authority) -> None:
    delta = x509.DeltaCRLIndicator(1)
    for revoked in ((), (case.leaf,)):
        with pytest.raises(NotFetched, match="delta"):
            case.at_list(authority.revocation_list(*revoked, number=2, extensions=((delta, True),)))


def nested(depth: int) -> bytes:
    """SEQUENCEs in one another."""
    made = b""
    for _ in range(depth):
        made = tlv(0x30, made)
    return made


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"0",
        nested(60),
        nested(5000),
        b"\x30\x80" * 5000,
        tlv(0x30, tlv(0x30, b"\x30\x80" * 5000)),
        b"\x30\x84\xff\xff\xff\xff",
        b"-----BEGIN X509 CRL-----\n",
    ],
    ids=lambda data: str(len(data)),
)
def test_net_03_deep_and_broken_asn1(case: Case, data: bytes) -> None:
    for ask in (case.at_list, case.at_responder):
        with pytest.raises(NOT_TAKEN):
            ask(data)


def test_net_03_deep_asn1_inside_a_signed_list(case: Case, authority: Authority) -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), nested(2000))
    assert isinstance(case.at_list(authority.revocation_list(case.leaf, extensions=((odd, False),))), RevocationList)
    with pytest.raises(NotFetched, match="does not speak"):
        case.at_list(authority.revocation_list(extensions=((odd, True),)))


def test_net_03_a_list_with_an_entry_that_does_not_parse_is_not_taken(case: Case, authority: Authority) -> None:
    numbered = authority.leaf("x@example.com", kind="p256", serial=0x1234567890)
    whole = bytearray(authority.revocation_list(numbered).public_bytes(Encoding.DER))
    whole[whole.index(bytes.fromhex("1234567890")) - 2] = 0x1E
    with pytest.raises(Malformed, match="does not parse"):
        case.at_list(bytes(whole))


def test_net_03_a_list_over_the_limit_is_not_read(case: Case) -> None:
    with pytest.raises(NotFetched, match=f"at most {MAX_SIZE}"):
        case.at_list(bytes(MAX_SIZE + 1))


# OCSP


def test_the_request_names_one_certificate_and_no_more(case: Case, authority: Authority) -> None:
    case.at_responder(authority.status_response(case.leaf))
    (path,) = case.site.paths()
    request = ocsp.load_der_ocsp_request(b64decode(unquote(path.removeprefix("/ocsp/"))))
    assert request.serial_number == case.leaf.x509.serial_number
    assert isinstance(request.hash_algorithm, SHA1)
    assert len(list(request.extensions)) == 0  # no nonce, or no cache could answer
    assert len(path) < 255


def test_a_response_is_fetched_good_or_revoked(case: Case, authority: Authority) -> None:
    for facts in ({}, {"revoked_at": AT - DAY}):
        found = case.at_responder(authority.status_response(case.leaf, **facts))
        assert isinstance(found, StatusResponse)
        assert [answer.revoked_at for answer in found.answers] == [facts.get("revoked_at")]


def test_a_responder_that_the_issuer_authorised(case: Case, authority: Authority) -> None:
    response = authority.status_response(case.leaf, responder=authority.responder())
    assert isinstance(case.at_responder(response), StatusResponse)


def unauthorised(authority: Authority) -> list[Issued]:
    return [
        authority.responder(extended_key_usage=(EMAIL_PROTECTION,)),
        authority.responder(issuer=authority.root),
        authority.responder(issuer=Authority(name="Stranger").root),
        authority.responder(not_after=AT - DAY),
        authority.responder(broken_signature=True),
        authority.responder(no_check=False),  # its own status is unknown
        authority.leaf("x@example.com", kind="p256"),
        authority.root,
    ]


@pytest.mark.parametrize("number", range(8))
def test_net_04_an_unauthorised_responder(case: Case, authority: Authority, number: int) -> None:
    response = authority.status_response(case.leaf, responder=unauthorised(authority)[number])
    with pytest.raises(NotFetched, match="not authorised"):
        case.at_responder(response)


@pytest.mark.parametrize(
    "times",
    [
        {"at": AT - 2 * DAY, "until": AT - DAY},
        {"at": AT - DAY, "until": AT - 6 * MINUTE},
        {"at": AT - DAY, "until": None},
        {"at": AT + 6 * MINUTE, "until": AT + DAY},
        {"at": AT + DAY, "until": AT + 2 * DAY},
    ],
)
@pytest.mark.parametrize("revoked_at", [None, AT - 3 * DAY])
def test_net_04_stale_and_future_responses(case: Case, authority: Authority, times: Any, revoked_at: Any) -> None:
    with pytest.raises(NotFetched, match="not current"):
        case.at_responder(authority.status_response(case.leaf, revoked_at=revoked_at, **times))


def test_net_04_a_response_about_another_certificate(case: Case, authority: Authority) -> None:
    """Replayed: another serial number, the same one of another issuer, or with the issuer's name only."""
    other = authority.leaf("b@example.com", kind="p256")
    elsewhere = Authority(name="Elsewhere")
    same_number = elsewhere.leaf("a@example.com", kind="p256", serial=case.leaf.x509.serial_number)
    namesake = authority.ca("Test Intermediate", issuer=authority.root)
    for response in (
        authority.status_response(other),
        elsewhere.status_response(same_number),
        authority.status_response(same_number),
        authority.status_response(case.leaf, issuer=namesake),
        authority.status_response(case.leaf, issuer=authority.root),
    ):
        with pytest.raises(NotFetched, match="not of this certificate"):
            case.at_responder(response)


def test_net_04_a_responder_that_does_not_know_or_does_not_answer(case: Case, authority: Authority) -> None:
    with pytest.raises(NotFetched):
        case.at_responder(authority.status_response(case.leaf, unknown=True))
    busy = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    with pytest.raises(Malformed, match="no answer"):
        case.at_responder(busy.public_bytes(Encoding.DER))


def test_net_04_a_changed_response(case: Case, authority: Authority) -> None:
    whole = bytearray(authority.status_response(case.leaf))
    whole[-1] ^= 1
    with pytest.raises(NOT_TAKEN):
        case.at_responder(bytes(whole))


def test_net_03_a_response_over_the_limit_is_not_read(case: Case) -> None:
    with pytest.raises(NotFetched, match="at most 65536"):
        case.at_responder(bytes(65537))


def test_the_intermediate_is_asked_about_by_its_own_issuer(site: Site) -> None:
    authority = Authority(name="Deep")
    middle = authority.ca("Middle", issuer=authority.root, extensions=(site.list_at("/root.crl"),))
    (source,) = sources_of((middle.certificate, authority.root.certificate))
    assert source.kind is Kind.LIST
    site.put("/root.crl", authority.revocation_list(middle, issuer=authority.root).public_bytes(Encoding.DER))
    found = look_up(source, site.fetch(), AT)
    assert isinstance(found, RevocationList)
    assert found.size == 1
