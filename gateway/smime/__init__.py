"""S/MIME entities (RFC 8551): which layer an entity is, and how one is made.

===========  ========================================================================
``layer``    which S/MIME layer the root of a message is, by content and not by label
``open``     that layer taken off, its content put in the place of what came
``seal``     a message becomes a signed or encrypted one
``finding``  what was found: signers, coverage, encryption
===========  ========================================================================
"""
