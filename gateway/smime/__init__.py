"""S/MIME entities (RFC 8551): which layer an entity is, and how one is made.

=============  ========================================================================
``open``       which S/MIME layer an entity is, by content and not by label, and that layer read
``frame``      what a multipart/signed must be, for all readers to see the same
``content``    what was inside in the place of what came, nothing of it lost
``protected``  the header that is protected inside, and what readers get of it
``signers``    the signers' certificates of a saved mail
``seal``       a message becomes a signed or encrypted one
``finding``    what was found: signers, coverage, encryption
=============  ========================================================================
"""
