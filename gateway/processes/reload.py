"""A new configuration for a running gateway: read once, checked in full, compared with what runs.

What is decided at the start (sockets, processes, the store) stays as it is until a restart and is named; everything
else is taken over. A file with a problem changes nothing.
"""

from collections.abc import Callable

from gateway.config import ConfigError, Options, warnings
from gateway.config.checks import contradictions
from gateway.log import logger
from gateway.processes.rlimits import too_few_descriptors
from gateway.smtp.tls import server_context
from gateway.wiring import build_doors

FIXED = (
    "authserv_id",
    "listeners",
    "milters",
    "workers",
    "database",
    "database_pool",
    "state",
    "key_encryption_key",
    "admin",
    "metrics",
)
"""Keys that a restart is needed for."""


def reread(read: Callable[[], Options], running: Options) -> Options | None:
    """Return what is to run from now on, None where nothing changes because something is wrong; both are logged."""
    try:
        found = read()
        options = found.model_copy(update={key: getattr(running, key) for key in FIXED})
        _tell_fixed(found, running)
        if problems := [*contradictions(options), *too_few_descriptors(options)]:
            raise ConfigError(problems)
        for door in build_doors(options):
            server_context(door)
    except ConfigError as error:
        for problem in error.problems:
            logger.error("reload: %s", problem)
    except OSError as error:
        logger.error("reload: %s", error)
    except Exception as error:  # noqa: BLE001 - whatever it is, the gateway goes on as it was
        logger.error("reload: %s", error, exc_info=error)
    else:
        for doubt in warnings(options):
            logger.warning("reload: warning: %s", doubt)
        return options
    logger.error("reload: the configuration that was running stays")
    return None


def _tell_fixed(found: Options, running: Options) -> None:
    for key in FIXED:
        if getattr(found, key) != getattr(running, key):
            logger.warning("reload: %s: needs restart; the old value stays until then", key)
