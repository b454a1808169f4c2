"""Looking up what the store does not know: evidence of revocation, and certificates that others publish.

``url`` ``public``     what may be asked: the shape of an address, and where on the network it may lead
``channel`` ``fetch``  one HTTP request, bounded in time and size
``crl`` ``ocsp``       a CRL, an OCSP response: fetched, read and verified
``status``             either, for a source
``answer``             what a source of certificates says of an address
``directory``          a source of certificates as others see it: threads, breaker, rate
``ldap`` ``ldap_session`` ``ldap_filter``  directories, among them Active Directory
``smimea``             the DNS
``published``          what the DNS says of our own addresses
``key_server``         web servers

Nothing here decides when to ask; callers see to it that the path holds first (row NET-01). Nothing is stored here, and
no certificate is judged: who publishes one may be anybody.
"""

from gateway.lookup.fetch import Fetch as Fetch
from gateway.lookup.fetch import NotFetched as NotFetched
from gateway.lookup.status import Found as Found
from gateway.lookup.status import look_up as look_up
