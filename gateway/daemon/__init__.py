"""The daemon: a supervisor, the processes it keeps alive, and what every one of them has.

``supervisor`` starts and replaces processes. A ``worker`` is an event loop with all SMTP doors. Each process has one
``desk``: store, engine and journal, where front ends bring their messages. ``keeper`` holds mail that cannot be read
yet, ``retry`` tries it again.
"""

from gateway.daemon.supervisor import serve as serve
