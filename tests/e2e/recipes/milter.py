"""A stand-in for OpenDKIM and OpenDMARC: a milter that puts one field on top of what it saw.

The field holds the SHA-256 of the body as the milter saw it, so a test can tell whether that was before or after the
gateway. Speaks version 6 of the milter protocol, as far as Postfix needs it.
"""

import asyncio
import hashlib
import struct
import threading

PATIENCE = 30.0
_ADD_HEADERS, _VERSION = 0x01, 6
_WITHOUT_ENVELOPE = 0x01 | 0x02 | 0x04 | 0x08 | 0x100 | 0x200
"""Connect, HELO, MAIL, RCPT, unknown commands and DATA are of no interest."""


def body_digest(content: bytes) -> str:
    """The SHA-256 of a message's body."""
    return hashlib.sha256(content.partition(b"\r\n\r\n")[2]).hexdigest()


class StandIn:
    """The milter; its field is ``name: text DIGEST``."""

    def __init__(self, name: str, text: str) -> None:
        self._field = name, text
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE)
        self.port: int = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Break off everything."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        digest = hashlib.sha256()
        while True:
            try:
                (length,) = struct.unpack("!I", await reader.readexactly(4))
            except asyncio.IncompleteReadError:
                break
            packet = await reader.readexactly(length)
            command, data = packet[:1], packet[1:]
            match command:
                case b"Q":
                    break
                case b"D":
                    continue
                case b"A":
                    digest = hashlib.sha256()
                    continue
                case b"O":
                    answer = b"O" + struct.pack("!III", _VERSION, _ADD_HEADERS, _WITHOUT_ENVELOPE)
                case b"E":
                    digest.update(data)
                    name, text = self._field
                    value = f"{text} {digest.hexdigest()}"
                    writer.write(_packet(b"i" + struct.pack("!I", 0) + f"{name}\0{value}\0".encode()))
                    answer, digest = b"c", hashlib.sha256()
                case b"B":
                    digest.update(data)
                    answer = b"c"
                case _:
                    answer = b"c"
            writer.write(_packet(answer))
        writer.close()


def _packet(payload: bytes) -> bytes:
    return struct.pack("!I", len(payload)) + payload
