"""Who may use console and API: ``accounts`` and their ``sessions``, ``failed_sign_ins``, ``tokens``; secrets as hashes.

What is hashed and how, and what a role or scope allows, is ``admin``'s affair. Of passwords there is an Argon2 hash;
session and token secrets are random and long, so one SHA-256 is enough for them (``secret_id``).
"""
