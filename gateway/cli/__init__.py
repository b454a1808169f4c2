"""The command ``smime-gateway``: one module per noun, each adding its commands to ``main``.

Exit codes are sysexits: 0 done, 64 usage, 65 bad input or message refused, 66 no such file, 69 service not reachable,
70 internal error, 75 temporary failure, 77 not permitted, 78 bad configuration.
"""

import sys
from typing import NoReturn

NOT_PERMITTED = 77
_UNREADABLE = "smime-gateway: cannot be loaded: {error}; if nothing is missing, this user may not read it: {cure}"


def main() -> NoReturn:
    """Run the command and leave with its exit code; an installation that this user may not read is 77."""
    try:
        from gateway.cli.command import main as command
    except (ImportError, PermissionError, AttributeError) as error:  # an unreadable package looks like an empty one
        print(_UNREADABLE.format(error=error, cure=f"chmod -R go+rX {sys.prefix}"), file=sys.stderr)  # noqa: T201
        sys.exit(NOT_PERMITTED)
    command()
