"""What Postfix does with a milter's edits, as a list: its own first field is there, counts, and is hidden."""

from gateway.milter.edits import Change, Edits, Insert

Field = tuple[str, bytes]
OWN = ("Received", b" by mta.example.org")


class Held:
    """A message as a mail server holds it while milters look at it: values with LF and the blank behind the colon."""

    def __init__(self, content: bytes) -> None:
        block, _, self.body = content.partition(b"\r\n\r\n")
        if content.startswith(b"\r\n"):
            block, self.body = b"", content[2:]
        self.fields: list[Field] = [OWN]
        for line in block.split(b"\r\n") if block else []:
            if line.startswith((b" ", b"\t")):
                name, value = self.fields[-1]
                self.fields[-1] = (name, value + b"\n" + line)
            else:
                start, _, value = line.partition(b":")
                self.fields.append((start.decode(), value))

    @property
    def shown(self) -> list[Field]:
        """What milters see."""
        return self.fields[1:]

    def change(self, name: str, number: int, value: bytes) -> None:
        places = [place for place, (other, _) in enumerate(self.fields) if place and other.lower() == name.lower()]
        place = places[number - 1]  # Postfix would append a field that is not there
        self.fields[place : place + 1] = [(name, value)] if value else []

    def insert(self, position: int, name: str, value: bytes) -> None:
        self.fields.insert(position, (name, value))

    @property
    def content(self) -> bytes:
        """The message, without the mail server's own field."""
        assert self.fields.count(OWN) == 1
        lines = [
            b"%s:%s\r\n" % (name.encode(), value.replace(b"\n", b"\r\n"))
            for name, value in self.fields
            if (name, value) != OWN
        ]
        return b"".join((*lines, b"\r\n", self.body))


def apply(old: bytes, new: bytes, edits: Edits) -> bytes:
    """The message as the mail server has it afterwards."""
    held = Held(old)
    for edit in edits.header:
        match edit:
            case Change(name, number, value):
                held.change(name, number, value.encode())
            case Insert(position, name, value):
                held.insert(position, name, value.encode())
    if edits.body is not None:
        held.body = new[edits.body :]
    return held.content
