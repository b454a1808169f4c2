"""The mail flow of one process: what happens to a message between a door and the next hop, and afterwards.

A ``pipeline`` is a process's store, engine and journal; every front end brings its messages there, and ``telling`` has
their stories told on an event loop. ``hold`` keeps mail that cannot be read yet and ``retry`` tries it again, ``learn``
takes down what a good signature teaches, ``discover`` asks directories for whom mail is exchanged with,
``status_lookup`` finds out whether signers are revoked, and ``journal_writer`` writes the records: all with no client
waiting. ``pruning`` takes away what is too old. ``poison`` keeps a message that kills its process from doing so again:
it is tried in a ``sandbox`` first.
"""
