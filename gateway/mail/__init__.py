"""Mail as bytes: addresses, envelopes, header fields, the MIME tree and its canonical form.

================  ===============================================================================
``address``       one address: how SMTP writes it, and when two are the same
``envelope``      who sends to whom, with the parameters of MAIL and RCPT
``arrival``       what a message must be to be taken in: line ends, size, no loop
``header``        the header block as an index of offsets, and ``edit``, the only way to write it
``lexical``       quoted strings and comments, which structured values share
``mailbox``       the addresses in a field, read strictly and read broadly
``author``        the one mailbox in From that every reader finds
``content_type``  the Content-Type field, parameters included
``message_id``    which Message-ID is plain, and by which names an answer knows a mail
``encoded_word``  encoded words, read the way mail readers do
``entity``        the MIME tree as offsets, within limits
``transfer``      base64 and quoted-printable, both ways
``recoding``      giving parts another transfer encoding; the two below use it
``canonical``     the form in which an entity can be signed clear
``transport``     opened content made fit for SMTP
================  ===============================================================================
"""
