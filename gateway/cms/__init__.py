"""Cryptographic Message Syntax (RFC 5652): signed, enveloped and compressed data as bytes and values.

Bytes that do not parse raise ``Malformed`` or ``LimitExceeded``; structures that parse but do not hold raise
``Rejected``. Nothing else leaves this package for bad input.
"""
