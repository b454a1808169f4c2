"""smime-gateway: an S/MIME gateway between a helpdesk and its mail server.

The map. Mail goes in, a decision is made, mail goes out, one record stays::

    bytes -> events -> Transaction -> Outcome -> receipts -> Record

Imports go down only; ``tests/test_floors.py`` keeps it so.

=====  ================================================  =====================================================
floor  rooms                                             what they are
=====  ================================================  =====================================================
4      ``config`` ``log`` ``clock`` ``metrics``          the house: options, the time, what is counted and
       ``wiring`` ``mailflow`` ``processes`` ``cli``     built, one process's mail, processes, commands
3      ``smtp`` ``milter`` ``store`` ``lookup``          edges: sockets and SQL; they never see each other
2      ``policy`` ``engine``                             judgement: what happens to a message, and why
1      ``asn1`` ``mail`` ``pki`` -> ``cms`` -> ``smime``  formats: bytes and values, pure
0      ``errors`` ``reply`` ``reason`` ``backoff``       words
=====  ================================================  =====================================================

One message, from the helpdesk to the next hop:

1. ``smtp.server`` closes the client's dialogue into an ``engine.transaction.Transaction``;
2. ``mail`` reads the content into slices; nothing signed is ever re-serialised;
3. ``engine.outbound`` gathers keys and certificates through ``engine.ports``;
4. ``policy.decide`` says what must happen and which rule won;
5. ``smime.seal`` makes the signed and encrypted entity, ``cms`` the structures inside it;
6. ``smtp.relay`` hands every delivery to the next hop, and only then tells the client 250;
7. one ``engine.record.Record`` becomes the journal row and the log line.

One message, from the world to the helpdesk:

1. ``smtp.server`` as above; the door alone says that it arrives, and ``engine.inbound`` tells its story;
2. ``engine.results`` cuts out what a sender forged; ``engine.mark`` knows a message that was already judged;
3. ``engine.opening`` takes layer off layer: ``smime.open`` reads it (``smime.frame``: as every reader would), ``cms``
   opens it with a key that ``policy.entitlement`` allows for these recipients, once for each content key;
4. ``engine.judging`` asks of every signer: the mathematics (``cms.signed``), path and revocation
   (``pki.validation``), and whether it is the one author that every reader sees (``mail.author``);
5. ``smime.content`` puts what was inside in its place, nothing lost;
6. ``engine.results`` writes the verdict on top, ``engine.mark`` seals it, ``smtp.relay`` hands it on, then 250. Where a
   key was used, nothing that goes back depends on what it produced (``smtp.copy``, ``mailflow.pace``).

Never losing: what cannot be opened or judged, or breaks a limit, is delivered as it came, tagged with the reason; a
fault of our own surroundings defers (4xx), so the client keeps the message. ``milter`` is the other door: the same
engine, and what it decides becomes edits of a message that stays where it is.

Afterwards, with no client waiting (``mailflow``): ``hold`` keeps mail that lacks a key and ``retry`` delivers it again
when an import brings it; ``learn`` takes down what a good signature teaches; ``status_lookup`` looks up revocation for
the next message. The ``supervisor`` keeps the processes alive and hands them a configuration that ``reload`` checked.
"""

__version__ = "0.1.0"
