"""Postfix's own load generator and sink on both sides of a door."""

import asyncio
import os
import pwd
import shutil
import socket

import pytest

from tests.smtp.fakes import run, world


def tool(name: str) -> str:
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.mark.parametrize("options", [("-s", "5", "-m", "60"), ("-d", "-s", "5", "-m", "60"), ("-r", "7", "-m", "10")])
def test_smtp_source_through_the_door_to_smtp_sink(options: tuple[str, ...]) -> None:
    """Every message arrives; smtp-sink's empty EHLO line is survived."""
    source, sink = tool("smtp-source"), tool("smtp-sink")
    port = free_port()
    user = ("-u", pwd.getpwnam("postfix").pw_name) if os.geteuid() == 0 else ()

    async def story() -> None:
        receiving = await asyncio.create_subprocess_exec(sink, *user, f"127.0.0.1:{port}", "100")
        try:
            async with world(next_hop={"port": port}) as w:
                while True:
                    try:
                        (await asyncio.open_connection("127.0.0.1", port))[1].close()
                        break
                    except OSError:
                        await asyncio.sleep(0.02)
                load = await asyncio.create_subprocess_exec(
                    source,
                    *options,
                    "-l",
                    "10240",
                    "-f",
                    "a@example.org",
                    "-t",
                    "b@example.net",
                    f"127.0.0.1:{w.door.port}",
                )
                assert await load.wait() == 0
                assert len(w.reports) == int(options[-1])
                assert all(report.reply.code == 250 for report in w.reports)
        finally:
            receiving.terminate()
            await receiving.wait()

    run(story())
