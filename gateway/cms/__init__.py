"""Cryptographic Message Syntax (RFC 5652): signed, enveloped and compressed data as bytes and values.

Bytes that do not parse raise ``Malformed`` or ``LimitExceeded``; structures that parse but do not hold raise
``Rejected``. Nothing else leaves this package for bad input.

===========================  =====================================================================
``content``                  ContentInfo, and content as a list of slices
``signed``                   SignedData, made, read and verified
``attribute`` ``signature``  its signed attributes; the mathematics of one signature
``enveloped``                EnvelopedData and AuthEnvelopedData, made and opened
``recipient`` ``unwrap``     the content key wrapped to a certificate; the same unwrapped by a key
``cipher``                   content ciphers, window by window
``compressed``               CompressedData, read only
``identity``                 how a certificate is named
``algorithm`` ``parameter``  the one table of algorithms; their parameters, strictly read
``probe``                    what a blob of bytes is, whatever its label
``rejected``                 the error for a structure that parses but does not hold
===========================  =====================================================================
"""
