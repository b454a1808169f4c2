"""Mail that waits for a certificate or key.

``entries``    which mail is held, and who tries it when
``message``    one of it: what is known of it, and how it stands in its row
``pieces``     its content, encrypted
``data_keys``  under what
``needs``      what would help, indexed for imports
"""
