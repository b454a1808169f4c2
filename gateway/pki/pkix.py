"""The judgement of one path by RFC 5280 §6.1, done by pyhanko-certvalidator (name constraints, path lengths, policies).

It is given one finished path that ends at an anchor and never looks for certificates itself, for its own builder has no
bounds; so only certificates that an anchor answers for reach its parser. Dates and the strength of algorithms are not
its business here (``validation``), nor is revocation (``revocation``), so the outcome depends on the path alone. Name
constraints and path length of an anchor's own certificate bind too (RFC 5937), its policies do not. The library
overlooks two mail names that count for us, so they are looked at here: a SmtpUTF8Mailbox (RFC 9598 §6), and a subject's
emailAddress beside a subjectAltName without mail names.

Always given our anchors, the library asks neither for the system's list of CAs nor for a clock or a network; its
coroutines then never wait and are run to their end in one go (``finished``).
"""

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from asn1crypto import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import CRLValidationError, OCSPValidationError, PathError, ValidationError
from pyhanko_certvalidator.name_trees import (
    ExcludedSubtrees,
    GeneralNameType,
    PermittedSubtrees,
    PKIXSubtrees,
    default_excluded_subtrees,
    default_permitted_subtrees,
    process_general_subtrees,
)
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
    PKIXValidationParams,
)
from pyhanko_certvalidator.validate import async_validate_path

from gateway.errors import Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.path import CertificatePath
from gateway.pki.standin import STUMBLES, Originals
from gateway.reason import Reason

T = TypeVar("T")

REFUSALS = (ValidationError, PathError, CRLValidationError, OCSPValidationError, InvalidSignature)
"""How the library says no."""
_ANY_TIME = datetime(5000, 1, 1, tzinfo=UTC)
_ALWAYS = timedelta(days=365 * 4990)
"""All dates from year 10 to 9990 count as valid."""
_MAX_NOTE = 200


def fault_of(path: CertificatePath) -> tuple[Reason, str] | None:
    """Return why ``path`` (leaf first, two certificates or more, the last an anchor) does not hold, None: it does.

    Untrusted: a CA was not entitled to it. The text may quote names from the certificates, in printable ASCII.
    """
    try:
        originals = Originals(path[1:])
        context = ValidationContext(
            trust_roots=[],
            moment=_ANY_TIME,
            time_tolerance=_ALWAYS,
            revinfo_policy=CertRevTrustPolicy(NO_REVOCATION),
            algorithm_usage_policy=AcceptAllAlgorithms(),
            signature_validator=originals,
        )
        chain = library_path(path, originals)
        finished(async_validate_path(context, chain))
        if not all(_permits(certificate, path[0]) for certificate in list(chain.iter_certs(include_root=True))[:-1]):
            return Reason.UNTRUSTED, "a mail name of the certificate is outside the namespace of an issuing authority"
    except REFUSALS as error:
        return Reason.UNTRUSTED, note(str(error))
    except UnsupportedAlgorithm:
        return Reason.UNSUPPORTED_ALGORITHM, "a signature in the path is of an unsupported algorithm"
    except (Malformed, *STUMBLES):
        return Reason.MALFORMED, "a certificate of the path has an extension that does not parse"
    return None


def library_path(path: CertificatePath, originals: Originals) -> ValidationPath:
    """Return ``path`` as the library wants it. Raises ``Malformed`` and ``STUMBLES``."""
    leaf, *middle, anchor = originals.certificates(path)
    return _Chain(CertTrustAnchor(anchor, _qualifiers(anchor)), reversed(middle), leaf)


class _Chain(ValidationPath):
    """A path whose anchor may be an intermediate; the library lets only self-signed anchors sign CRLs."""

    def truncate_to_issuer_and_append(self, cert: x509.Certificate) -> ValidationPath:
        """Return the path to ``cert``, a signer of evidence. Raises ``LookupError``."""
        if cert.dump() == self.first.dump():
            return _Chain(self.trust_anchor, (), None)
        *middle, leaf = super().truncate_to_issuer_and_append(cert).iter_certs(include_root=False)
        return _Chain(self.trust_anchor, middle, leaf)


def _qualifiers(anchor: x509.Certificate) -> TrustQualifiers:
    permitted, excluded = _constraints(anchor)
    parameters = PKIXValidationParams(
        # kinds of names that an anchor is silent about have to be spelt out
        initial_permitted_subtrees=default_permitted_subtrees() | permitted,
        initial_excluded_subtrees=default_excluded_subtrees() | excluded,
    )
    length = anchor.max_path_length
    return TrustQualifiers(standard_parameters=parameters, max_path_length=length, max_aa_path_length=length)


def _constraints(authority: x509.Certificate) -> tuple[PKIXSubtrees, PKIXSubtrees]:
    """Return the permitted and the excluded subtrees of a CA certificate (RFC 5280 §4.2.1.10)."""
    value = authority.name_constraints_value
    fields = [None, None] if value is None else [value["permitted_subtrees"], value["excluded_subtrees"]]
    permitted, excluded = (process_general_subtrees(field) if field else {} for field in fields)
    return permitted, excluded


def _permits(authority: x509.Certificate, leaf: Certificate) -> bool:
    """Whether all mail names of ``leaf`` that may count lie in the namespace of ``authority``."""
    permitted, excluded = _constraints(authority)
    inside = PermittedSubtrees(default_permitted_subtrees() | permitted)
    outside = ExcludedSubtrees(default_excluded_subtrees() | excluded)
    return all(
        inside.accept_name(GeneralNameType.RFC822_NAME, name)
        and not outside.reject_name(GeneralNameType.RFC822_NAME, name)
        for name in leaf.addresses or leaf.subject_addresses
    )


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("the validator waits, which it never has to without fetchers")


def note(text: str) -> str:
    """Return a text from outside as one short printable line."""
    return "".join(char if char.isprintable() and char.isascii() else "?" for char in text[:_MAX_NOTE])
