"""The milter: the same engine behind Postfix's milter protocol, where a message is changed in place.

============  =========================================================================
``edits``     what must change in a message that is already there; pure
``message``   what the mail server tells of one message, collected within bounds; pure
``service``   the way of a message from its end to the answer
``session``   one connection, in libmilter's words
``server``    libmilter's callbacks on a socket, in preforked processes
``endpoint``  the socket in the file system
============  =========================================================================

Only ``session`` and ``server`` import pymilter (GPL), which is an optional extra. A milter cannot split a message, and
never changes its recipients.
"""
