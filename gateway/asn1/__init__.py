"""ASN.1, read and written: bounded BER (``ber``), DER (``der``), identifiers by name (``oid``).

It knows no structure; ``pki`` and ``cms`` do.
"""
