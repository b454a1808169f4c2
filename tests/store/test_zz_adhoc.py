import os, random, threading, time
from gateway.store import open_store
from gateway.store.held import *
from gateway.store.importing import ImportOptions, import_file
from gateway.reason import Reason
from gateway.pki.need import *
from datetime import datetime, UTC, timedelta
from tests.store.messages import *
from gateway.store.certificates import Trust

def test_stress(options, authority):
    leaf = authority.leaf("a@example.com", kind="p256")
    need = by_serial(NeedKind.SIGNER, leaf.certificate.issuer_der, leaf.certificate.serial)
    base = open_store(options, durable=True); base.wrapping.key(); import_file(base, leaf.pem(), (), ImportOptions())
    stop = time.monotonic() + 8
    errors, counts = [], {}
    def run(kind, f):
        s = open_store(options, durable=True)
        while time.monotonic() < stop:
            try: f(s); counts[kind] = counts.get(kind, 0) + 1
            except Exception as e: errors.append((kind, repr(e)))
        s.close()
    def imp(s): s.certificates.set_trust(leaf.certificate.fingerprint, Trust.TRUSTED); time.sleep(0.01)
    def hol(s): hold(s, need, content=os.urandom(20))
    def att(s):
        c = s.held.claim(datetime.now(UTC), LEASE)
        if c:
            r = random.random()
            if r < .5: s.held.still_waiting(c[0].id, frozenset({need}), Reason.NO_PATH)
            elif r < .7: s.held.failed_temporarily(c[0].id, datetime.now(UTC)-timedelta(hours=5), "x")
            else: s.held.succeeded(c[0].id)
    def ret(s): s.held.retry(); time.sleep(0.02)
    def pru(s): s.held.prune(AT - timedelta(days=1)); time.sleep(0.02)
    ts = [threading.Thread(target=run, args=(k, f)) for k, f in (("imp", imp), ("imp", imp), ("hold", hol), ("hold", hol), ("att", att), ("att", att), ("ret", ret), ("pru", pru))]
    [t.start() for t in ts]; [t.join() for t in ts]
    print(counts, len(errors), errors[:5])
    # liveness: after everything has been trusted once more, everything waiting is ready
    base.certificates.set_trust(leaf.certificate.fingerprint, Trust.TRUSTED)
    print({st: sum(m.state == st for m in base.held.list()) for st in State})
