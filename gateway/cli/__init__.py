"""The command ``smime-gateway``: one module per noun, each adding its commands to ``main``.

Exit codes are sysexits: 0 done, 64 usage, 65 bad input or message refused, 66 no such file, 69 service not reachable,
70 internal error, 75 temporary failure, 77 not permitted, 78 bad configuration.
"""

from gateway.cli.command import main

__all__ = ["main"]
