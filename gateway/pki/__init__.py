"""Certificates, private keys, bundles and paths, as values."""
