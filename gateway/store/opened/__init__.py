"""What is remembered of opened mail, as hashes: ``replies`` its Message-IDs, so that an answer in clear is noticed;
``content_keys`` which content each wrapped content key opened, so that none opens a second.
"""
