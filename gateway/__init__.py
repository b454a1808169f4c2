"""smime-gateway: an S/MIME gateway between a helpdesk and its mail server.

The map of the rooms, the way of one message through them and a glossary are in docs/architecture.md.
Imports go down only::

    4  cli processes web mailflow admin wiring discovery gather config log metrics clock  commands, processes, options
    3  smtp milter store lookup                            sockets and SQL; they never see each other
    2  policy engine                                       what happens to a message, and why
    1  asn1 mail pki -> cms -> smime                       octets and values, pure
    0  errors reply reason backoff story                   words
"""

__version__ = "0.1.0"
