"""Mail as bytes: addresses, envelopes, header fields, the MIME tree and its canonical form."""
