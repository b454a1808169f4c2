"""ASN.1, read and written: bounded BER (``ber``), DER (``der``). It knows no structure; ``pki`` and ``cms`` do."""
