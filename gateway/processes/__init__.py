"""Processes: a supervisor and those it keeps alive.

``service`` puts it together. A ``supervisor`` fills ``Post``s with ``Child`` processes and replaces one that ends; what
the two say to each other is in ``child``, and ``child_handle`` is a child as its supervisor sees it. A ``worker`` is an
event loop with all SMTP doors, a ``milter_worker`` one process at a milter door; each has a ``mailflow.pipeline``.
The ``steward`` says that this ``gateway`` lives, and does what one gateway of a store does for all.
``metrics_server`` tells what all have counted, and with ``health`` how they are; ``admin_server`` serves API and
console; ``web_post`` is what the two posts of HTTP have in common. ``reload`` judges a new configuration,
``rlimits`` says what the kernel lets a process have, ``notify`` what systemd is told.
"""

from gateway.processes.service import serve as serve
