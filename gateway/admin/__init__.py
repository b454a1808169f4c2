"""What people do and see: the use-cases behind the commands, and later behind the API and the console.

A use-case takes a ``Wiring`` and, where something changes, who wants it (``actor``); it answers with *views*, frozen
values whose fields are the keys of the JSON that a command prints with ``--json`` (``view.as_json``). Lists come in
pages. What a change would cost is a view of its own, asked before it is made (``deletion.doomed``, ``trust.fall``).

=======================  ============================================================================
``actor`` ``changes``    who does it; the one place that every change goes through, and is audited in
``audit``                the audit log, read and verified
``permission``           what roles and scopes allow, and for which groups
``reach``                which certificates and keys one sees who is limited to groups
``view`` ``sentence``    views as JSON, pages; sentences that other languages can say, too
``imports``              what a file holds, taken into the store or only looked at
``certificates``         listed, shown, exported; ``certificate_view`` is how one is told
``background``           of one certificate: who says whether it is revoked, and which mail used it last
``pending``              certificates that wait to be approved
``trust`` ``deletion``   what is said of certificates, and taken away, with what goes along
``places`` ``find``      one that waits is approved, one is pinned; what sources say of an address
``publish``              our certificates, for others to find
``keys`` ``crls``        private keys (``key_view``) and revocation lists
``held``                 mail that waits: shown, tried again, deleted
``activity`` ``export``  the records of messages; as a file for others
``reasons`` ``cure``     each reason in plain words; the one thing that would cure what became of a message
``overview``             everything at a glance; ``attention``: what somebody should see to
``groups``               the policy of each, and until when it can sign
``accounts`` ``tokens``  who may use console and API
``sessions``             signing in, with ``passwords`` and one-time codes
``check`` ``trial``      the composer's question; what would become of a message
``explain``              the same rule by rule: ``steps`` of mail that leaves, ``findings`` of mail that arrives,
                         ``shape`` of what would go on
``replay`` ``past``      a record's question asked again; what a record knows of its message
``gateways``             those that share the store
``configuration``        the configuration, checked and shown
``privacy``              what is kept of a person; its removal
``stores``               the store as a whole: backup, restore, copy
=======================  ============================================================================

Not here: how things are printed, and that somebody is asked for who he is.
"""
