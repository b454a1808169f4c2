"""The post of the console and the API. Mail knows nothing of it: it may die, hang or never get its port.

It has no door's socket: a child inherits what its supervisor has, and doors are opened by workers.
"""

import asyncio
import ssl

from gateway.config import Options
from gateway.config.options import AdminTls
from gateway.log import start_logging
from gateway.processes.child import Child
from gateway.processes.health import Health
from gateway.processes.web_post import attend
from gateway.web.app import create_app
from gateway.web.server import Bounds, Server, Transport
from gateway.web.site import Site
from gateway.wiring import Wiring

BOUNDS = Bounds(connections=200)


def serve_admin(instance: str, child: Child) -> None:
    """Be the process: serve until SIGTERM or the end of the supervisor. Raises ``OSError`` for files of TLS."""
    asyncio.run(_run(child, instance))


async def _run(child: Child, instance: str) -> None:
    options = child.options
    assert options.admin.listen is not None  # otherwise there is no such post
    tls = None if options.admin.tls is None else _context(options.admin.tls)
    site = Site(Wiring(options=options), Health(options, instance))

    def adopt(new: Options) -> None:
        """Go on under other options, with the same store; renewed files of TLS count from the next connection on."""
        if tls is not None and options.admin.tls is not None:
            tls.load_cert_chain(options.admin.tls.certificate, options.admin.tls.key)
        site.wiring = site.wiring.under(new)
        start_logging(new.log.format == "json")

    server = Server("admin", create_app(site), BOUNDS, Transport(tls, options.admin.proxies))
    await attend(child, server, options.admin.listen, adopt)


def _context(files: AdminTls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.certificate, files.key)
    return context
