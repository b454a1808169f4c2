"""The daemon: a supervisor, the processes it keeps alive, and what every one of them has.

``service`` puts it together. A ``supervisor`` fills ``Post``s with ``Child`` processes and replaces one that ends; what
the two say to each other is in ``child``, who holds a post in ``incumbent``. A ``worker`` is an event loop with all
SMTP doors. Each process has one ``desk``: store, engine and journal, where front ends bring their messages. ``keeper``
holds mail that cannot be read yet, ``retry`` tries it again. ``fetching`` looks up whether signers are revoked.
``reload`` judges a new configuration.
``pace`` has all mail on which a key was used take the same time.
``caution`` keeps a message that kills its process from doing so again; it is tried ``alone``.
A ``milter_worker`` is one process at a milter door.
``metrics_server`` tells what all have counted, and with ``vitals`` how they are.
"""

from gateway.daemon.service import serve as serve
