"""Where certificates say that their status may be had."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from gateway.pki.path import CertificatePath
from gateway.pki.sources import MAX_OF_A_KIND, Kind, sources_of
from tests.authority import Authority

REASONS = frozenset({x509.ReasonFlags.key_compromise})


def uri(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)


def points(*urls: str, reasons: Any = None, issuer: Any = None) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints([x509.DistributionPoint([uri(url)], None, reasons, issuer) for url in urls])


def access(
    *urls: str, method: x509.ObjectIdentifier = AuthorityInformationAccessOID.OCSP
) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess([x509.AccessDescription(method, uri(url)) for url in urls])


def path(authority: Authority, *extensions: x509.ExtensionType) -> CertificatePath:
    leaf = authority.leaf("a@example.com", kind="p256", extensions=[(each, False) for each in extensions])
    return leaf.certificate, authority.intermediate.certificate, authority.root.certificate


def found(authority: Authority, *extensions: x509.ExtensionType) -> list[tuple[str, str]]:
    return [(source.kind.value, source.url) for source in sources_of(path(authority, *extensions))]


def test_lists_come_before_responders(authority: Authority) -> None:
    named = found(
        authority, access("http://ocsp.example"), points("http://a/1.crl", "HTTPS://a/2.crl", "http://a/1.crl")
    )
    assert named == [("list", "http://a/1.crl"), ("list", "HTTPS://a/2.crl"), ("response", "http://ocsp.example")]


def test_a_point_may_have_several_names(authority: Authority) -> None:
    name = [uri("ldap://a/cn=x"), uri("http://a/1"), x509.DNSName("a"), uri("http://a/2")]
    point = x509.CRLDistributionPoints([x509.DistributionPoint(name, None, None, None)])
    assert found(authority, point) == [("list", "http://a/1"), ("list", "http://a/2")]


def test_what_is_left_out(authority: Authority) -> None:
    assert found(authority) == []
    issuers = access("http://a/ca.cer", method=AuthorityInformationAccessOID.CA_ISSUERS)
    assert found(authority, issuers) == []
    assert found(authority, points("http://a/1", reasons=REASONS)) == []
    assert found(authority, points("http://a/1", issuer=[x509.DirectoryName(authority.root.x509.subject)])) == []
    delta = x509.FreshestCRL([x509.DistributionPoint([uri("http://a/delta")], None, None, None)])
    assert found(authority, delta) == []


@pytest.mark.parametrize(
    "url",
    ["ldap://a/b", "file:///etc/passwd", "a", "", "http://", "http://a/b c", "http://a/\n", "http://" + "a" * 1001],
)
def test_net_01_what_is_no_web_address_is_no_source(authority: Authority, url: str) -> None:
    assert found(authority, points(url), access(url)) == []


def test_the_number_is_limited(authority: Authority) -> None:
    many = [f"http://a/{number}" for number in range(50)]
    assert found(authority, points(*many)) == [("list", url) for url in many[:MAX_OF_A_KIND]]


def test_one_list_for_all_of_an_issuer_a_response_for_each(authority: Authority) -> None:
    extensions = points("http://a/1"), access("http://o")
    first, second = (sources_of(path(authority, *extensions)) for _ in range(2))
    of_other_issuer = authority.ca("Other", issuer=authority.root)
    other = sources_of((first[0].path[0], of_other_issuer.certificate))
    kinds = [source.kind for source in first]
    assert kinds == [Kind.LIST, Kind.RESPONSE]
    assert first[0].id == second[0].id
    assert len({source.id for source in (*first, *second, *other)}) == 5


def test_an_extension_that_does_not_parse(authority: Authority) -> None:
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.31"), b"\x30\x80")
    assert found(authority, odd, access("http://o")) == []


def test_a_list_speaks_for_its_issuer_a_response_for_one_certificate(authority: Authority) -> None:
    way = path(authority, points("http://a/1"), access("http://o"))
    list_, response = sources_of(way)
    assert list_.speaking_for == way[1:]
    assert response.speaking_for == way
