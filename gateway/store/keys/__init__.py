"""Private keys, unreadable on disk, and what each may still do.

``private_keys``        what is stored, found and given out again
``key_encryption_key``  what everything secret is wrapped under
``place``               where that key is
``wrapping``            which one is the store's, and the secret of MAC keys
``rotation``            another key-encryption key for all that is under one
``failed_decryptions``  how often each key failed
"""
