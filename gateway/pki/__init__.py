"""Certificates, private keys, bundles and paths, as values.

===========================  ================================================================
``certificate`` ``outline``  a certificate as facts; its structure, however odd its names
``summary``                  the facts that a list needs, kept beside the certificate
``names`` ``mail_names``     distinguished Names, shown and compared; the mail addresses of a SAN
``unreadable``               a certificate that is there and cannot be read
``key`` ``kinds``            private keys behind one protocol; kinds of keys and what they make
``holding``                  a stored certificate and what the store knows of it
``bundle`` ``armour``        what a file of certificates and keys holds; the texts they come in
``passphrase``               the octets that a passphrase may stand for
``strangers``                files that hold something else, called by their name
``pkcs12`` ``pbe`` ``rc2``   PKCS#12 files, decryption by passphrase, an old cipher of theirs
``acceptance``               what may be imported
``self_issued``              whose a self-made CA certificate is: a person's or an authority's
``issuance`` ``path``        who issued whom; chains, and all ways up to an anchor
``pkix`` ``standin``         one finished path judged by RFC 5280, by copies that its library can read
``trust``                    what an administrator decided, as one snapshot
``validation``               may a signer's certificate be believed, and if not, why
``verdicts``                 such findings, kept as long as they cannot change
``revocation`` ``abridged``  CRLs and OCSP responses, read; large CRLs made short
``status`` ``sources``       what they say of a path; where they may be had
``points``                   the addresses in a certificate where they are
``need``                     what would help a message that could not be opened or judged
===========================  ================================================================
"""
