"""``python -m gateway`` is the command ``smime-gateway``."""

from gateway.cli import main

main()
