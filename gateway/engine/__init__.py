"""The engine: from a Transaction to an Outcome and a Record. It knows neither sockets nor SQL, and does no I/O at all:
a story (``gateway.story``) says what it wants to know, and goes on when it is told.

===========================  ================================================================
``engine``                   one message in, one outcome out, one record
``transaction`` ``record``   what goes in and comes out; the one account of it
``wants``                    what the two stories ask of whoever tells them
``ports``                    what a door asks: the ledger of copies
``submission`` ``outbound``  a message leaving: read as a question; decided, sealed
``answers``                  what an answer to mail that was opened must be
``inbound``                  a message arriving: cleaned, opened, judged, marked
``opening`` ``opened``       layer off layer; what became of it on the way
``judging``                  the signers of one layer
``results`` ``mark``         the fields that say what was found; the seal over them
``finding`` ``description``  what was found and decided, as the record tells it; told of a message
``algorithms``               how new protection is made
``uncovered``                what a signature does not cover, and a reader may believe
``following``                what a judged message teaches, and what it is held for
``finish``                   from a message's end at a door to its reply, and when
``redelivery``               another attempt at a held message
===========================  ================================================================
"""
