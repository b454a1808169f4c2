"""S/MIME entities (RFC 8551): which layer an entity is, and how one is made."""
