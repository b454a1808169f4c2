"""``inbound.notify`` from the file to the copies: which reports the sender of opened mail may still get."""

from pathlib import Path

import pytest
import yaml

from gateway.config import parse
from gateway.engine.transaction import Client, Direction, FrontEnd, Transaction
from gateway.mail.envelope import Envelope, Recipient
from gateway.mailflow.pipeline import Pipeline
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority
from tests.engine.world import AT, HELPDESK
from tests.letters import encrypted, head
from tests.stores import ready


@pytest.mark.parametrize(("setting", "expected"), [({}, "NEVER"), ({"notify": "failure"}, "FAILURE")])
def test_the_setting_reaches_the_copies(
    tmp_path: Path, authority: Authority, setting: dict[str, str], expected: str
) -> None:
    groups = [{"name": "support", "addresses": [HELPDESK]}]
    document = {
        "hostname": "gw.example.org",
        "state": str(ready(tmp_path / "state")),
        "groups": groups,
        "inbound": setting,
    }
    pipeline = Pipeline(parse(yaml.safe_dump(document)))
    try:
        support = authority.leaf(HELPDESK, kind="rsa-2048")
        import_file(pipeline.store, support.pem() + support.key_pem(), [], ImportOptions())
        envelope = Envelope("a@example.net", (Recipient(HELPDESK, ("NOTIFY=SUCCESS,FAILURE",)),))
        content = encrypted(head(), support)
        transaction = Transaction(
            "1", Direction.INBOUND, FrontEnd.SMTP, "in", Client("192.0.2.7"), envelope, content, AT
        )
        (delivery,) = pipeline.process(transaction).deliveries
        assert (delivery.key_used, delivery.opened) == (True, True)
        assert delivery.recipients == (Recipient(HELPDESK, (f"NOTIFY={expected}",)),)
    finally:
        pipeline.close()
