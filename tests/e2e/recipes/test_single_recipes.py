"""What only one recipe of ``config/postfix/`` promises, with the text that is shipped."""

import grp
import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import SUPPORT, poll
from tests.e2e.recipes.mail import sealed, value
from tests.e2e.recipes.stage import SHIPPED, Stage
from tests.e2e.sink import Sink
from tests.letters import SECRET, encrypted, head
from tests.tools import missing

pytestmark = pytest.mark.postfix

ROOT = Path(__file__).parents[3]
CAROL = "carol@example.com"


def only(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stage", [name], indirect=True)


def sizes(port: int) -> int:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.ehlo()
        return int(client.esmtp_features["size"])


# ---- The text --------------------------------------------------------------------------------------------------------


def test_the_ten_lines_of_the_readme_are_those_of_the_smarthost_recipe() -> None:
    recipe = (SHIPPED / "smarthost" / "master.cf").read_text()
    readme = (ROOT / "README.md").read_text()
    lines = readme.partition("# /etc/postfix/master.cf\n")[2].partition("```")[0]
    assert len(lines.splitlines()) >= 5
    assert lines in recipe


@pytest.mark.parametrize("recipe", sorted(path.name for path in SHIPPED.iterdir() if path.is_dir()))
def test_no_recipe_has_a_content_filter_in_main(recipe: str) -> None:
    """It would send what comes out of the gateway in again."""
    lines = (SHIPPED / recipe / "main.cf").read_text().splitlines()
    assert not any(line.startswith("content_filter") for line in lines)


# ---- smarthost -------------------------------------------------------------------------------------------------------


@only("smarthost")
def test_452_for_one_recipient_keeps_that_one_in_the_queue(stage: Stage, people: People, sink: Sink) -> None:
    """The mailbox server is busy for one; the other has his mail, once, and the first one gets his later."""
    busy, free = "support+busy@example.org", "support+free@example.org"
    sink.rcpts[busy] = "452 4.2.2 Mailbox full"
    sent = sealed(people)
    assert stage.arrives(sent, busy, free).code == 250
    (mail,) = sink.by_id(sent.id)
    assert mail.recipients == (free,)
    assert SECRET in mail.content
    del sink.rcpts[busy]
    first, second = sink.by_id(sent.id, 2)
    assert (first.recipients, second.recipients) == ((busy,), (free,))
    assert SECRET in first.content


# ---- content-filter --------------------------------------------------------------------------------------------------


@only("content-filter")
def test_sizes_inside_are_twice_those_outside(stage: Stage) -> None:
    outside, inside = sizes(stage.ports[587]), sizes(stage.ports[10026])
    assert outside == sizes(stage.ports[25])
    assert inside == sizes(stage.ports[10027]) >= 2 * outside
    assert sizes(stage.ports[10025]) > outside
    assert sizes(stage.ports[10024]) > outside


@only("content-filter")
def test_all_recipients_come_in_one_transaction(stage: Stage) -> None:
    """Postfix parts a message after fifty recipients where it is not told otherwise."""
    sent = letter()
    many = [f"r{number}@example.com" for number in range(120)]
    stage.leaves("smtp", sent, *many)
    assert len(stage.daemon.record(sent.id)["recipients"]) == len(many)


@only("content-filter")
def test_a_refusal_becomes_a_bounce_to_the_helpdesk(stage: Stage, sink: Sink) -> None:
    sent = letter("X-SMIME-Gateway-Encrypt: required", to=CAROL)
    stage.leaves("smtp", sent, CAROL, sender="support+refused@example.org")
    (bounce,) = sink.wait(lambda mail: mail.recipients == ("support+refused@example.org",))
    assert b"multipart/report" in (bounce.field("content-type") or b"")
    text = b" ".join(bounce.content.split())
    assert b"550 5.7.3" in text
    assert b"carol@example.com (no-certificate)" in text
    assert not sink.found(lambda mail: mail.field("message-id") == sent.id.encode())


@only("content-filter")
def test_8_bits_stay_as_they_are_where_8bitmime_is_not_offered(stage: Stage, old_sink: Sink) -> None:
    """``disable_mime_output_conversion``: Postfix would re-code them on the way to us, and break a signature."""
    sent = letter(sender="stranger@example.org", body="Grüße\r\n")
    answer = submit(stage.ports[10091], sent.content, BOB, sender="stranger@example.org", mail=("BODY=8BITMIME",))
    assert answer.code == 250
    (mail,) = old_sink.by_id(sent.id)
    assert mail.content.endswith(sent.content)


@only("content-filter")
def test_a_message_that_goes_round_is_stopped(stage: Stage, sink: Sink) -> None:
    """554 5.4.6 after a hundred hops, and a bounce to its sender: nothing runs for ever."""
    hops = ["Received: from a by b; Mon, 01 Jun 2026 10:00:00 +0000"] * 96
    sent = letter(*hops, sender="round@example.org")
    assert submit(stage.ports[10092], sent.content, BOB, sender="round@example.org").code == 250
    (bounce,) = sink.wait(lambda mail: mail.recipients == ("round@example.org",))
    assert b"554 5.4.6" in b" ".join(bounce.content.split())
    assert not sink.found(lambda mail: mail.field("message-id") == sent.id.encode())
    assert len(stage.daemon.records(sent.id)) < 10


# ---- proxy-filter ----------------------------------------------------------------------------------------------------


@only("proxy-filter")
def test_the_client_hears_a_refusal_at_once(stage: Stage, sink: Sink) -> None:
    sent = letter("X-SMIME-Gateway-Encrypt: required", to=CAROL)
    answer = submit(stage.ports[587], sent.content, CAROL)
    assert (answer.code, answer.text[:5]) == (550, "5.7.3")
    assert f"{CAROL} (no-certificate)" in answer.text
    assert not sink.found(lambda mail: mail.field("message-id") == sent.id.encode())


@only("proxy-filter")
def test_the_client_hears_452_for_one_recipient(stage: Stage, people: People, sink: Sink) -> None:
    """The thousand and first recipient is too many for the gateway, which says so through Postfix."""
    sent = sealed(people)
    many = [f"support+{number}@example.org" for number in range(1001)]
    answer = stage.arrives(sent, *many)
    assert answer.code == 250
    assert {to: code for to, (code, _) in answer.refused.items()} == {many[-1]: 452}
    copies = sink.by_id(sent.id, 20)
    assert sum(len(copy.recipients) for copy in copies) == 1000
    assert all(SECRET in copy.content for copy in copies)


@only("proxy-filter")
def test_the_client_keeps_the_mail_while_the_gateway_is_down(stage: Stage, sink: Sink) -> None:
    stage.daemon.stop()
    try:
        for port, sender in ((587, SUPPORT), (25, ALICE)):
            assert submit(stage.ports[port], letter().content, SUPPORT, sender=sender).code in (421, 451)
    finally:
        stage.daemon.start()
    sent = letter()
    assert submit(stage.ports[587], sent.content, ALICE).code == 250
    assert len(sink.by_id(sent.id)) == 1


# ---- milter ----------------------------------------------------------------------------------------------------------


@only("milter")
def test_mail_is_put_off_while_the_milter_is_down(stage: Stage, sink: Sink, people: People) -> None:
    """tempfail, by SMTP and by sendmail(1): nothing goes past the gateway, nothing is lost."""
    local = letter()
    stage.daemon.stop()
    try:
        for port, sender in ((587, SUPPORT), (25, ALICE)):
            answer = submit(stage.ports[port], letter(sender=sender).content, SUPPORT, sender=sender)
            assert (answer.code, answer.text[:5]) == (451, "4.7.1")
        stage.leaves("sendmail", local)
        assert stage.postfix.logged("pickup", "uid=")
    finally:
        stage.daemon.start()
    (mail,) = sink.by_id(local.id)
    assert b"enveloped-data" in (mail.field("content-type") or b"")


@only("milter")
def test_the_client_hears_the_milters_refusal(stage: Stage) -> None:
    answer = submit(stage.ports[587], letter("X-SMIME-Gateway-Encrypt: required", to=CAROL).content, CAROL)
    assert (answer.code, answer.text[:5]) == (550, "5.7.3")
    assert f"{CAROL} (no-certificate)" in answer.text


@only("milter")
def test_held_mail_comes_back_by_a_door_of_its_own(stage: Stage, sink: Sink, people: People) -> None:
    late = "late@example.org"
    issued = people.authority.leaf(late)
    message_id = f"<late.{stage.name}@customer.example>"
    content = encrypted(head(message_id=message_id, to=late), issued)
    assert submit(stage.ports[25], content, late, sender=ALICE).code == 250
    (first,) = sink.by_id(message_id)
    assert SECRET not in first.content
    stage.daemon.import_(issued.pem() + issued.key_pem())
    (second,) = sink.wait(lambda mail: mail.field("in-reply-to") == message_id.encode())
    assert SECRET in second.content
    assert stage.postfix.logged("postfix/opened/smtpd", ": client=")


def test_the_socket_folder_gives_its_group_to_sockets() -> None:
    """The gateway is no member of the group postfix, and Postfix may connect all the same."""
    program = shutil.which("systemd-tmpfiles") or missing("systemd-tmpfiles")
    if os.geteuid() != 0:
        missing("root, who may choose owners,")
    place = Path(tempfile.mkdtemp(prefix="tmpfiles-"))
    try:
        place.chmod(0o755)
        text = (SHIPPED / "milter" / "tmpfiles.conf").read_text()
        text = text.replace("/var/spool/postfix", str(place)).replace(" smime-gateway postfix ", " nobody postfix ")
        (place / "conf").write_text(text)
        subprocess.run([program, "--create", str(place / "conf")], check=True)
        path = place / "smime-gateway" / "x.sock"
        with socket.socket(socket.AF_UNIX) as listening:
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
            try:
                listening.bind(str(path))
                path.chmod(0o660)
            finally:
                os.seteuid(0)
        assert path.stat().st_gid == grp.getgrnam("postfix").gr_gid
        assert path.stat().st_mode & 0o777 == 0o660
        assert path.parent.stat().st_mode & 0o7777 == 0o2750
    finally:
        shutil.rmtree(place)


# ---- pipe and process ------------------------------------------------------------------------------------------------


@only("pipe")
def test_only_the_helpdesks_mail_goes_through_the_gateway(stage: Stage, sink: Sink) -> None:
    sent = letter(sender=ALICE, to="boss@example.org")
    assert stage.arrives(sent, "boss@example.org").code == 250
    (mail,) = sink.by_id(sent.id)
    assert mail.field("x-smime-gateway-signature") is None
    assert stage.daemon.records(sent.id) == []


@pytest.mark.parametrize("stage", ["pipe", "process"], indirect=True)
def test_a_program_that_is_busy_gets_the_mail_again(stage: Stage, people: People) -> None:
    willing = stage.folder / "kept" / "willing"
    sent = sealed(people, "X-Exit: 75")
    assert stage.arrives(sent).code == 250
    poll(lambda: stage.times(sent) >= 1)
    assert value(stage.arrived(sent), "x-smime-gateway-encryption").startswith("decrypted")
    poll(lambda: '"queue_name": "deferred"' in stage.postfix.queued())
    tried = stage.times(sent)
    willing.touch()
    try:
        poll(lambda: stage.times(sent) > tried)
        poll(lambda: not stage.postfix.queued())
    finally:
        willing.unlink()


@only("process")
def test_the_program_gets_its_own_arguments_and_no_others(stage: Stage) -> None:
    """An address is one word of an option of ours, whatever it is made of; no shell sees it."""
    nasty = '"$(touch pwned);--queue=Root"@example.com'
    sent = letter(sender=ALICE, to=SUPPORT)
    assert stage.arrives(sent, sender=nasty).code == 250
    assert value(stage.arrived(sent), "return-path") == f"<{nasty}>"
    assert stage.arguments() == ["--queue", "General", "--action", "correspond", "--url", "http://localhost/"]


@only("process")
def test_a_null_sender_is_one(stage: Stage) -> None:
    sent = letter(sender=ALICE, to=SUPPORT)
    assert stage.arrives(sent, sender="").code == 250
    assert value(stage.arrived(sent), "x-smime-gateway-signature") == "none"


@only("process")
def test_trouble_of_ours_costs_no_mail(stage: Stage, people: People) -> None:
    """A store that cannot be opened is 75 for Postfix, and nothing of it is told to the sender."""
    store, away = stage.daemon.folder / "state", stage.daemon.folder / "away"
    store.rename(away)
    store.write_text("this is no folder")
    sent = sealed(people)
    assert stage.arrives(sent).code == 250
    try:
        line = stage.postfix.logged("status=deferred (temporary failure)")
        assert str(store) not in line
        assert stage.times(sent) == 0
    finally:
        store.unlink()
        away.rename(store)
    assert SECRET in stage.arrived(sent)
