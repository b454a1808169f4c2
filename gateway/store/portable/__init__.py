"""A whole store as a stream of rows that both databases take: a backup, its restoration, the move to another database.

``contents``  what of a store is taken along, and what stays behind; read at one moment
``document``  the same as a file that tells when it is damaged
``filling``   rows back into tables, of whatever version they are, and brought up to date
``places``    an empty store to be filled, whole or not at all, with the one that it replaces beside it
``moving``    the three verbs: ``back_up``, ``restore``, ``move``

A row is what the database holds: keys stay wrapped, and nothing here needs the key-encryption key but to say whether it
is the right one. Memory stays bounded by the largest row, whatever the number of rows.
"""
