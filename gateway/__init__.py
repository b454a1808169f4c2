"""smime-gateway: an S/MIME gateway between a helpdesk and its mail server.

The map. Mail goes in, a decision is made, mail goes out, one record stays::

    bytes -> events -> Transaction -> Outcome -> receipts -> Record

Imports go down only; ``tests/test_floors.py`` keeps it so.

=====  ================================================  =====================================================
floor  rooms                                             what they are
=====  ================================================  =====================================================
4      ``config`` ``log`` ``metrics`` ``house``          the house: options, what is counted and built,
       ``daemon`` ``cli``                                processes, commands
3      ``smtp`` ``milter`` ``store`` ``lookup``          edges: sockets and SQL; they never see each other
2      ``policy`` ``engine``                             judgement: what happens to a message, and why
1      ``asn1`` ``mail`` ``pki`` -> ``cms`` -> ``smime``  formats: bytes and values, pure
0      ``errors`` ``reply`` ``reason``                   words
=====  ================================================  =====================================================

One message, from the helpdesk to the next hop:

1. ``smtp.server`` closes the client's dialogue into an ``engine.transaction.Transaction``;
2. ``mail`` reads the content into slices; nothing signed is ever re-serialised;
3. ``engine.outbound`` gathers keys and certificates through ``engine.ports``;
4. ``policy.decide`` says what must happen and which rule won;
5. ``smime.seal`` makes the signed and encrypted entity, ``cms`` the structures inside it;
6. ``smtp.relay`` hands every delivery to the next hop, and only then tells the client 250;
7. one ``engine.record.Record`` becomes the journal row and the log line.
"""

__version__ = "0.1.0"
