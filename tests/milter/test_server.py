"""The real server, as processes on a socket, against a scripted mail server (rows SMT-12, SMT-13)."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.milter.client import ACTIONS, ADD_RECIPIENT_WITH, DELETE_RECIPIENT, LEADING_SPACE, OFFERED, Gone
from tests.milter.conftest import Milter, command
from tests.milter.model import Held
from tests.tools import require_pymilter


def letter(subject: str = "plain", *fields: str, body: bytes = b"Hello\r\n") -> bytes:
    return "\r\n".join(["From: a@example.org", f"Subject: {subject}", *fields, "", ""]).encode() + body


def last(milter: Milter) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(milter.reports[-1])
    return report


def test_what_needs_no_change_is_not_changed(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.client()
        verdict = mta.mail(letter())
    assert (verdict.code, verdict.edited) == ("c", False)
    assert last(scripted)["reply"].startswith("250")
    assert last(scripted)["receipts"] == 1


def test_what_is_kept_and_not_sent_is_dropped_by_the_mail_server(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.client()
        verdict = mta.mail(letter("withheld"))
    assert (verdict.code, verdict.edited) == ("d", False)
    assert last(scripted)["reply"].startswith("250")
    assert last(scripted)["receipts"] == 0


ODD = (
    b"Subject:no blank\r\n"
    b"x-CASE:  two blanks\r\n"
    b"X-Tab:\ttab\r\n"
    b"X-Folded: one\r\n\ttwo\r\n  three \t\r\n \r\n four\r\n"
    b"X-Trailing: blanks \t \r\n"
    b"X-Latin: \xfc\xff\r\n"
    b"X-Utf8: \xc3\xbc\r\n"
    b"X-Empty:\r\n"
    b"X-Blank: \r\n"
    b"X-Long: " + b"w" * 2500 + b"\r\n"
    b"Subject: again\r\n"
    b"\r\n" + bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" + b"x" * 3000 + b"\r\n\r\n\r\n"
)


def test_smt_13_every_byte_arrives_and_stays(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.client()
        assert mta.steps & LEADING_SPACE
        verdict = mta.mail(ODD)
    assert last(scripted)["content"].encode("latin-1") == ODD
    assert verdict.content == ODD


@pytest.mark.parametrize("subject", ["tag", "replace", "empty"])
def test_changes_arrive(scripted: Milter, subject: str) -> None:
    content = letter(subject, "X-Tag: zero")
    with scripted.connect() as mta:
        mta.client()
        verdict = mta.mail(content)
    head, _, body = content.partition(b"\r\n\r\n")
    wanted = {
        "tag": b"X-Tag: one\r\n two\r\nX-Tag: three\r\n" + content,
        "replace": head + b"\r\n\r\n" + b"new\r\n" * 100_000,
        "empty": head + b"\r\n\r\n",
    }
    assert (verdict.code, verdict.edited, verdict.content) == ("c", True, wanted[subject])
    assert body == b"Hello\r\n"


def test_no_body_at_all(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.client()
        assert mta.mail(letter(body=b"")).content == letter(body=b"")


def test_the_transaction_says_who_and_what(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.client("2001:db8::7", "me.example.org")
        held = Held(letter())
        mail, rcpt = ("SIZE=100", "BODY=8BITMIME", "RET=HDRS", "ENVID=x+2By"), ("NOTIFY=NEVER", "ORCPT=rfc822;q@r")
        mta.envelope("a@b.example", "c@d.example", "ü@e.example", mail=mail, rcpt=rcpt, login="joe", queue_id="4XyZ")
        mta.content(held)
        mta.macros("E", i="4XyZ")
        assert mta.end(held).code == "c"
    report = last(scripted)
    assert report["client"] == ["2001:db8::7", "joe", "me.example.org", "4XyZ"]
    assert report["sender"] == ["a@b.example", *mail]
    assert report["recipients"] == [["c@d.example", *rcpt], ["ü@e.example", *rcpt]]
    assert report["whole"]


def test_null_sender_and_a_client_without_address(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.unknown_client()
        assert mta.mail(letter(), sender="").code == "c"
    report = last(scripted)
    assert (report["client"], report["sender"]) == ([None, None, None, None], [""])


def test_several_messages_in_a_session_do_not_mix(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.client()
        assert mta.mail(letter("tag", "X-A: 1"), "b@example.net", "c@example.net").edited
        mta.envelope("gone@example.org", "d@example.net")
        mta.content(Held(letter("aborted")))
        mta.send("A")
        assert mta.mail(letter("reject")).code == "y"
        assert not mta.mail(letter("plain", "X-B: 2")).edited
    reports = [json.loads(line) for line in scripted.reports]
    assert [len(report["recipients"]) for report in reports] == [2, 1, 1]
    assert reports[-1]["content"].encode() == letter("plain", "X-B: 2")


@pytest.mark.parametrize("subject", ["lost", "bug", "inexpressible", "split", "fewer"])
def test_smt_12_trouble_defers_and_says_nothing(scripted: Milter, subject: str) -> None:
    """A fault, a bug, a result that a milter cannot bring about: 451, unchanged, no details."""
    with scripted.connect() as mta:
        mta.client()
        verdict = mta.mail(letter(subject), "b@example.net", "c@example.net")
    assert (verdict.code, verdict.edited) == ("y", False)
    assert verdict.reply.startswith("451 4.3.0 Temporary trouble in the gateway, please try again (record ")
    assert last(scripted)["reply"] == verdict.reply
    assert last(scripted)["receipts"] == 0


def test_a_record_that_fails_undoes_nothing(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.client()
        assert mta.mail(letter("tag", body=b"report-fails\r\n")).code == "c"


@pytest.mark.parametrize("sender", ["a@b.example", ""])
def test_a_bounce_of_opened_mail_is_asked_for_without_its_text(scripted: Milter, sender: str) -> None:
    with scripted.connect() as mta:
        mta.client()
        assert mta.mail(letter("tag"), sender=sender).edited
        assert mta.sender == []
        assert mta.mail(letter("opened"), sender=sender).edited
        assert mta.sender == [f"<{sender}>", "RET=HDRS"]


def test_a_sender_that_cannot_be_told_back_stays_as_it_is(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.client()
        assert mta.mail(letter("opened"), sender="\udcfc@b.example").edited
        assert mta.sender == []


def test_nobody_is_told_what_becomes_of_mail_that_a_key_was_used_for(scripted: Milter) -> None:
    """All are deleted before the first is added again: Postfix drops one that is added while it is there."""
    with scripted.connect() as mta:
        mta.client()
        held = Held(letter("key"))
        mta.envelope("a@b.example", "c@d.example", "ü@e.example", rcpt=("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;q@r"))
        mta.content(held)
        assert mta.end(held).code == "c"
        assert mta.recipients == [
            ["-", "<c@d.example>"],
            ["-", "<ü@e.example>"],
            ["2", "<c@d.example>", "NOTIFY=NEVER ORCPT=rfc822;q@r"],
            ["2", "<ü@e.example>", "NOTIFY=NEVER ORCPT=rfc822;q@r"],
        ]
        assert mta.sender == ["<a@b.example>", "RET=HDRS"]
        mta.recipients.clear()
        assert mta.mail(letter("opened")).edited
        assert mta.recipients == []


@pytest.mark.parametrize(
    ("actions", "sender", "recipient", "notify", "may"),
    [
        (ACTIONS, "a@b.example", "c@d.example", "NOTIFY=FAILURE,DELAY", True),
        (ACTIONS, "a@b.example", "c@d.example", "NOTIFY=NEVER", True),
        (ACTIONS, "a@b.example", "c@d.example", "notify=failure,success", False),
        (ACTIONS, "\udcfc@b.example", "c@d.example", "NOTIFY=NEVER", False),
        (ACTIONS, "a@b.example", "\udcfc@d.example", "NOTIFY=NEVER", False),
        (ACTIONS & ~DELETE_RECIPIENT, "a@b.example", "c@d.example", "NOTIFY=NEVER", False),
        (ACTIONS & ~ADD_RECIPIENT_WITH, "a@b.example", "c@d.example", "NOTIFY=NEVER", False),
    ],
)
def test_no_key_is_used_where_the_sender_would_hear_of_it(
    scripted: Milter, actions: int, sender: str, recipient: str, notify: str, may: bool
) -> None:
    with scripted.connect(actions=actions) as mta:
        mta.client()
        held = Held(letter())
        mta.envelope(sender, recipient, rcpt=(notify,))
        mta.content(held)
        assert mta.end(held).code == "c"
    assert last(scripted)["may_open"] is may


@pytest.mark.parametrize(("promise", "recoded"), [("BODY=7bit", True), ("BODY=8BITMIME", False), ("SIZE=7", False)])
def test_opened_mail_is_recoded_where_7_bits_were_promised(scripted: Milter, promise: str, recoded: bool) -> None:
    with scripted.connect() as mta:
        mta.client()
        held = Held(letter("opened"))
        mta.envelope("a@example.org", "b@example.net", mail=(promise,))
        mta.content(held)
        assert mta.end(held).content.endswith(b"in seven bits\r\n") == recoded


def test_refusals_are_said(scripted: Milter) -> None:
    """A % is doubled on the wire, as libmilter wants it; the mail server halves it."""
    with scripted.connect() as mta:
        mta.client()
        verdict = mta.mail(letter("reject"))
        assert (verdict.code, verdict.reply) == ("y", "550 5.7.3 no-certificate: 100%% of <x%%y@example.org> gr??t")
        assert mta.mail(letter("long")).reply.startswith("550 5.7.3 long long")


def test_too_large_is_refused_and_not_kept(scripted: Milter) -> None:
    """SMT-08: the limit is 1,000,000 bytes."""
    with scripted.connect() as mta:
        mta.client()
        exactly = letter(body=b"x" * (1_000_000 - len(letter(body=b""))))
        assert mta.mail(exactly).code == "c"
        verdict = mta.mail(exactly + b"x")
        assert verdict.reply == "552 5.3.4 Message too large: 1000001 bytes; the limit is 1000000"
        assert (last(scripted)["size"], last(scripted)["content"]) == (1_000_001, "")
        assert mta.mail(letter()).code == "c"


@pytest.mark.parametrize(
    "content",
    [
        letter(body=b"one\rtwo\r\n"),
        letter(body=b"x").replace(b"Subject:", b"X-A: b\rX-SMIME-Gateway-Signature: pass\r\nSubject:"),
    ],
)
def test_smt_02_a_bare_cr_is_refused_as_at_the_doors(scripted: Milter, content: bytes) -> None:
    """SMT-02: some reader ends a line there."""
    with scripted.connect() as mta:
        mta.client()
        assert mta.mail(content).reply == "550 5.6.11 Bare CR or LF in the message; lines end in CR LF"
        assert (last(scripted)["size"], last(scripted)["content"]) == (len(content), "")


@pytest.mark.parametrize("step", ["connect", "helo", "begin", "envrcpt", "header", "body", "finish"])
def test_smt_12_a_callback_that_raises_defers(folder: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_pymilter()
    monkeypatch.setenv("BROKEN", step)
    milter = Milter(folder, processes=1)
    try:
        with milter.connect() as mta:
            mta.client()
            for _ in range(2):
                verdict = mta.mail(letter("tag"))
                assert (verdict.code, verdict.edited) == ("y", False)
                assert verdict.reply.startswith("451 4.3.0 Temporary trouble")
                assert "secret" not in verdict.reply
        assert milter.reports == []
    finally:
        milter.kill()


@pytest.mark.parametrize("step", ["forget"])
def test_smt_12_an_abort_that_raises_loses_no_later_message(
    folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_pymilter()
    monkeypatch.setenv("BROKEN", step)
    milter = Milter(folder, processes=1)
    try:
        with milter.connect() as mta:
            mta.client()
            mta.envelope("a@example.org", "b@example.net")
            mta.send("A")
            assert mta.mail(letter("tag")).edited
    finally:
        milter.kill()


@pytest.mark.parametrize("offered", [OFFERED & ~LEADING_SPACE, 0])
def test_a_mail_server_without_leading_space_is_deferred(scripted: Milter, offered: int) -> None:
    with scripted.connect(offered) as mta:
        mta.client()
        verdict = mta.mail(letter("tag"))
    assert (verdict.code, verdict.edited) == ("y", False)
    assert "too old" in scripted.log


def test_without_no_reply_steps_every_event_is_answered(scripted: Milter) -> None:
    with scripted.connect(LEADING_SPACE) as mta:
        mta.client()
        assert mta.mail(letter("tag")).edited


def test_smt_12_killed_in_eom_the_others_serve_on(scripted: Milter) -> None:
    before = set(scripted.processes)
    with scripted.connect() as mta, pytest.raises(Gone):
        mta.client()
        mta.mail(letter("die"))
    for _ in range(10):
        with scripted.connect() as mta:
            mta.client()
            assert mta.mail(letter("tag")).edited
    (served,) = {json.loads(line)["pid"] for line in scripted.reports}
    assert served in before


def test_both_processes_serve(scripted: Milter) -> None:
    for _ in range(40):
        with scripted.connect() as mta:
            mta.client()
            mta.mail(letter())
    assert {json.loads(line)["pid"] for line in scripted.reports} == set(scripted.processes)


def test_a_stop_waits_for_the_messages_under_way(scripted: Milter) -> None:
    """Those that began before are brought to their end; what begins later is deferred."""
    with scripted.connect() as late, scripted.connect() as ending, scripted.connect() as idle:
        for mta in (idle, late, ending):
            mta.client()
        held = Held(letter("tag"))
        late.envelope("a@example.org", "b@example.net")
        ending.envelope("a@example.org", "b@example.net")
        ending.content(Held(letter("slow")))
        ending.send("E")
        time.sleep(0.5)
        scripted.terminate()
        assert ending.receive()[0] == "c"
        late.content(held)
        assert late.end(held).edited
    assert scripted.wait() == 0
    assert not scripted.socket.exists()


def test_a_message_that_begins_during_a_stop_is_deferred_in_few_words(folder: Path) -> None:
    """One line in the log, however many fields come."""
    require_pymilter()
    milter = Milter(folder, processes=1)
    try:
        with milter.connect() as before, milter.connect() as late:
            for mta in (before, late):
                mta.client()
            before.envelope("a@example.org", "b@example.net")
            milter.terminate()
            time.sleep(0.5)
            verdict = late.mail(letter("tag", *["X-A: x"] * 50))
            before.content(Held(letter()))
            assert before.end(Held(letter())).code == "c"
        assert verdict.reply.startswith("451 4.3.0 Temporary trouble")
        record_id = verdict.reply.partition("(record ")[2].rstrip(")")
        assert len([line for line in milter.log.splitlines() if record_id in line]) == 1
        assert "Traceback" not in milter.log
    finally:
        milter.kill()


def test_a_socket_of_a_killed_run_is_taken_over(scripted: Milter, folder: Path) -> None:
    scripted.kill()
    assert scripted.socket.exists()
    again = Milter(folder)
    try:
        with again.connect() as mta:
            mta.client()
            assert mta.mail(letter()).code == "c"
    finally:
        again.kill()


def test_the_socket_of_a_running_one_is_not(scripted: Milter, folder: Path) -> None:
    second = subprocess.run(command(folder), capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode != 0
    assert "another process listens there" in second.stderr
    with scripted.connect() as mta:
        mta.client()
        assert mta.mail(letter()).code == "c"


def test_permissions(scripted: Milter) -> None:
    assert scripted.socket.stat().st_mode & 0o777 == 0o660


def test_garbage_ends_the_connection_only(scripted: Milter) -> None:
    with scripted.connect() as mta:
        mta.socket.sendall(b"\xff" * 100)
        with pytest.raises((Gone, AssertionError)):
            mta.receive()
    with scripted.connect() as mta:
        mta.client()
        assert mta.mail(letter()).code == "c"


def test_idle_connections_do_not_hold_up_a_stop(scripted: Milter) -> None:
    with scripted.connect() as idle:
        idle.client()
        scripted.terminate()
        assert scripted.wait() == 0
