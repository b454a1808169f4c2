"""Certificates in the store: by address, by the names in messages, by trust; what administrators and mail add to them.

``stored``        what is stored and found, and what administrators do with it
``said``          where a certificate comes from, apart from whether it is trusted
``facts``         what lists tell of one, as columns
``listing``       pages of them, each an ``entry`` made of columns; ``doubt`` says which evidence may revoke
``identities``    by which names messages know certificates, as an index
``evidence``      what judges and opens inbound mail: certificates by those names, trust, revocation
``standing``      what the store knows against a leaf that is to be used
``learned``       certificates taken from mail, in quarantine or ranking last
``found``         certificates that sources had for an address
``places``        one that waits is approved, one is pinned
``census``        how many there are, for metrics
``consequences``  what goes along when some are deleted or distrusted
``path``          certificates that belong together, in one column
"""
