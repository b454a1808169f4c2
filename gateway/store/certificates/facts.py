"""What lists tell of a certificate, as columns: filled when it is stored, so that no list has to read one.

They follow from the certificate alone, and from what this version permits its kind of key: where that changes, a
migration fills them again.
"""

import json
from hashlib import sha1
from typing import Any

from gateway.pki.certificate import Certificate
from gateway.pki.need import name_id


def facts(certificate: Certificate) -> dict[str, Any]:
    """Return the columns. ``serial``, ``sha1``: hexadecimal; ``mail_names``: the addresses as written, in JSON."""
    return {
        "subject_id": name_id(certificate.subject_der),
        "issuer_id": name_id(certificate.issuer_der),
        "serial": f"{certificate.serial:x}",
        "not_before": certificate.not_before,
        "mail_names": json.dumps(certificate.addresses),
        "key_kind": certificate.key_kind,
        "key_size": certificate.key_size,
        "curve": certificate.curve,
        "may_sign": certificate.may_sign,
        "may_encrypt": certificate.may_encrypt,
        "may_seal": certificate.may_seal,
        # A name that other programs show; nothing is decided by it.
        "sha1": sha1(certificate.der, usedforsecurity=False).hexdigest(),
    }
