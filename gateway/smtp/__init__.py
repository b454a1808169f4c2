"""The SMTP proxy: doors that take mail in, and the next hop that takes it on.

A message's life: ``server`` (the dialogue) -> ``content`` (DATA) -> the engine -> ``relay`` -> ``next_hop`` -> 250.

===========================  =================================================================
``door`` ``listener``        the options of a door; its socket, opened and closed
``session`` ``server``       a session up to its mail; MAIL, RCPT, DATA
``dialogue``                 the plumbing below both, on top of aiosmtpd
``command`` ``content``      arguments of commands, strictly read; content on the wire
``capability``               what a server says it can do, and what a door offers of it
``credentials`` ``tls``      logins; TLS contexts of both sides
``service``                  what sessions of a door share, and their mail needs from the final dot to the reply
``relay``                    an outcome handed on, one reply found
``ledger_session``           one message's page in the ledger of copies
``turned_away``              clients that a door turns away, and which are told of
``copy``                     one copy on its way, and what may be told of it
``next_hop`` ``connection``  kept connections, and a transaction on one; bytes out, replies in
``budget`` ``deadline``      things in use at once; a timeout that is cheap to move
===========================  =================================================================
"""
