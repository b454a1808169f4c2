"""Mail in the shape of five helpdesks, written here after their documentation and source: their own header fields,
Message-IDs, subjects, multipart layouts; and a customer's answer to it."""

import base64
from dataclasses import dataclass
from pathlib import Path

PAGES = Path(__file__).parents[1] / "docs" / "helpdesks"
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(64))).decode()


@dataclass(frozen=True)
class Helpdesk:
    """One product: its page, and how its mail looks. ``body``: a multipart with the boundary ``outer``."""

    name: str
    author: str
    message_id: str
    subject: str
    fields: tuple[str, ...]
    kind: str
    body: str

    def mail(self, to: str = "alice@example.com", tag: str = "") -> bytes:
        """An agent's answer to a customer."""
        head = [
            f"From: {self.author}",
            f"To: {to}",
            f"Subject: {tag}{self.subject}",
            f"Message-ID: {self.message_id}",
            "In-Reply-To: <7@example.com>",
            "References: <1@example.com>\r\n <7@example.com>",
            "Date: Mon, 01 Jun 2026 10:00:00 +0000",
            *self.fields,
            "MIME-Version: 1.0",
            f"Content-Type: {self.kind}; boundary=outer",
        ]
        return ("\r\n".join(head) + "\r\n\r\n" + self.body).encode()

    def answer(self) -> tuple[str, ...]:
        """The threading fields of a customer's answer to it."""
        return (f"In-Reply-To: {self.message_id}", f"References: <7@example.com>\r\n {self.message_id}")


def _part(kind: str, text: str, *fields: str, boundary: str = "outer") -> str:
    return "\r\n".join([f"--{boundary}", f"Content-Type: {kind}", *fields, "", text, ""])


def _text(boundary: str, encoding: str = "8bit") -> str:
    plain = "Grüße vom Support" if encoding == "8bit" else "Gr=C3=BC=C3=9Fe vom Support"
    html = f'<p>{plain}<img src{"=" if encoding == "8bit" else "=3D"}"cid:logo@helpdesk"></p>'
    field = f"Content-Transfer-Encoding: {encoding}"
    return _part("text/plain; charset=utf-8", plain, field, boundary=boundary) + _part(
        "text/html; charset=utf-8", html, field, boundary=boundary
    )


def _image(boundary: str) -> str:
    fields = ("Content-Transfer-Encoding: base64", "Content-ID: <logo@helpdesk>", "Content-Disposition: inline")
    return _part("image/png; name=logo.png", PIXEL, *fields, boundary=boundary)


_ALTERNATIVE = _text("outer", "quoted-printable") + "--outer--\r\n"
_RELATED_INSIDE = (
    _part("multipart/related; boundary=inner", _text("inner") + _image("inner") + "--inner--") + "--outer--\r\n"
)
_MIXED = (
    _part("multipart/alternative; boundary=inner", _text("inner") + "--inner--")
    + _image("outer")
    + _part("application/pdf; name=x.pdf", "JVBERi0xLjQ=", "Content-Transfer-Encoding: base64")
    + "--outer--\r\n"
)

HELPDESKS = {
    pipeline.name: pipeline
    for pipeline in (
        Helpdesk(
            "zammad",
            "Support Team via Example <support@example.org>",
            "<20260601100000.42.91537@zammad.example.org>",
            "Re: Drucker =?UTF-8?Q?br=C3=A4nnt?= [Ticket#42001]",
            ("User-Agent: Zammad Mail Service", "X-Mailer: Zammad Mail Service", "X-Auto-Response-Suppress: All"),
            "multipart/mixed",
            _MIXED,
        ),
        Helpdesk(
            "otrs",
            '"Support, Example" <support@example.org>',
            "<1780308000.42.7@helpdesk.example.org>",
            "Re: [Ticket#2026060110000042] =?UTF-8?Q?Drucker_br=C3=A4nnt?=",
            (
                "Organization: Example GmbH",
                "X-Mailer: Helpdesk Mail Service (7.1)",
                "X-Powered-By: Helpdesk",
                "Precedence: bulk",
            ),
            "multipart/mixed",
            _MIXED,
        ),
        Helpdesk(
            "rt",
            '"Agent Smith via RT" <support@example.org>',
            "<rt-5.0.5-4711-1780308000-1207.42-6-0@example.org>",
            "[example.org #42] Drucker brennt",
            (
                "X-RT-Loop-Prevention: example.org",
                "X-RT-Ticket: example.org #42",
                "X-Managed-BY: RT 5.0.5 (http://www.bestpractical.com/rt/)",
                "X-RT-Originator: smith@example.org",
                "Reply-To: support@example.org",
                "Precedence: bulk",
            ),
            "multipart/alternative",
            _ALTERNATIVE,
        ),
        Helpdesk(
            "osticket",
            '"Example Support" <support@example.org>',
            "<Bi4ylNKUAgAAAABC-Hk3aFoAAAAA-support@example.org>",
            "Re: Drucker brennt [#042001]",
            (
                "X-Mailer: osTicket Mailer",
                "X-Auto-Response-Suppress: DR, RN, OOF, AutoReply",
                "Auto-Submitted: auto-replied",
            ),
            "multipart/related",
            _part("multipart/alternative; boundary=inner", _text("inner", "quoted-printable") + "--inner--")
            + _image("outer")
            + "--outer--\r\n",
        ),
        Helpdesk(
            "freescout",
            "Support <support@example.org>",
            "<reply-42-a1d0c6e83f027327d8461063f4ac58a6@example.org>",
            "Re: Drucker brennt",
            ("X-FreeScout-Mail-Type: customer.message", "X-Mailer: Helpdesk"),
            "multipart/alternative",
            _text("outer") + _RELATED_INSIDE,
        ),
    )
}
