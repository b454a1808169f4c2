"""What a process has begun and not ended: ``copies`` are those the next hop took without our 250; ``owner`` says which
process holds an entry, here or of held mail, and whether it still runs.
"""
