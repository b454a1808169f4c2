"""Doors before a sink, no Postfix: byte for byte what leaves, a next hop that is late or ourselves, a store that changes.
"""

import subprocess
import time

from tests.authority import Authority
from tests.e2e.client import letter, send, submit
from tests.e2e.conftest import ALICE, BOB
from tests.e2e.daemon import PLAIN, STRICT, Daemon, poll
from tests.e2e.sink import Sink
from tests.openssl import Witness
import smtplib
