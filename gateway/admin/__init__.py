"""What people do and see: the use-cases behind the commands, and later behind the API and the console.

A use-case takes a ``Wiring`` and, where something changes, who wants it (``actor``); it answers with *views*, frozen
values whose fields are the keys of the JSON that a command prints with ``--json`` (``view.as_json``). Lists come in
pages. What a change would cost is a view of its own, asked before it is made (``deletion.doomed``, ``trust.fall``).

=======================  ============================================================================
``actor`` ``changes``    who does it; the one place that every change goes through
``view``                 views as JSON, pages
``imports``              what a file holds, taken into the store or only looked at
``certificates``         listed, shown, exported; ``certificate_view`` is how one is told
``trust`` ``deletion``   what is said of certificates, and taken away, with what goes along
``places`` ``find``      one that waits is approved, one is pinned; what sources say of an address
``keys`` ``crls``        private keys (``key_view``) and revocation lists
``held``                 mail that waits: shown, tried again, deleted
``activity``             the records of messages
``check`` ``trial``      the composer's question; what would become of a message
``configuration``        the configuration, checked and shown
=======================  ============================================================================

Not here: how things are printed, and who may do what.
"""
