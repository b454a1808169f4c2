"""Certificates, private keys, bundles and paths, as values.

===========================  ================================================================
``certificate`` ``names``    a certificate as facts; its mail addresses, and Names as text
``key``                      private keys behind one protocol
``holding``                  a stored certificate and what the store knows of it
``bundle``                   what a file of certificates and keys holds
``pkcs12`` ``pbe`` ``rc2``   PKCS#12 files, decryption by passphrase, an old cipher of theirs
``acceptance``               what may be imported
``issuance`` ``path``        who issued whom; chains, and all ways up to an anchor
``pkix``                     one finished path judged by RFC 5280
``trust``                    what an administrator decided, as one snapshot
``validation``               may a signer's certificate be believed, and if not, why
``verdicts``                 such findings, kept as long as they cannot change
``revocation`` ``abridged``  CRLs and OCSP responses, read; large CRLs made short
``status`` ``sources``       what they say of a path; where they may be had
``need``                     what would help a message that could not be opened or judged
===========================  ================================================================
"""
