"""The audit log: who changed what, in rows that only ever come to stand behind the others.

``chain`` is how each row vouches for all before it, ``trail`` the log itself. Whoever may write the database may still
make up a whole new log: only what was noted elsewhere, the hashes in the system's log, tells on him.
"""
