"""Private keys, unreadable on disk, and what each may still do.

``private_keys``        what is stored, found and given out again
``wrapping``            the key-encryption key, and the secret of MAC keys
``failed_decryptions``  how often each key failed
"""
