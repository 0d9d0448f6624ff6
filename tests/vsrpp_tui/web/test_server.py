"""Who knows the token is given an application of its own, which ends with the visit; nobody else is given anything."""

import asyncio
import json
import os
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web

from tests.vsrpp_tui.web import stand_in
from vsrpp_core.errors import VsrppError
from vsrpp_tui.cli import main
from vsrpp_tui.web import server
from vsrpp_tui.web.server import ASSETS, Site, announcement, serve

Client = aiohttp.ClientSession
SECONDS = 20


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """Of a run that is not looked at: a stand-in takes the place of each application."""
    behave(monkeypatch, "obedient")
    return Site(Path(os.fsdecode(b"/runs/<films>\xff")))


@pytest.fixture
async def client(site: Site) -> AsyncIterator[Client]:
    async with served(site) as opened:
        yield opened


@asynccontextmanager
async def served(site: Site) -> AsyncIterator[Client]:
    """Not by aiohttp's own server for tests: it cancels what serves a browser that has left, and nothing else does."""
    runner = web.AppRunner(site.application())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
            yield client
    finally:
        await runner.cleanup()


def behave(monkeypatch: pytest.MonkeyPatch, nature: str) -> None:
    monkeypatch.setattr(server, "PROGRAM", ("exec", sys.executable, "-S", "-E", stand_in.__file__, nature))


async def opened(client: Client, site: Site) -> tuple[aiohttp.ClientWebSocketResponse, psutil.Process]:
    """A visit and the process that serves it."""
    visit = await client.ws_connect(f"/{site.token}/ws?width=45&height=80")
    return visit, psutil.Process(int(await visit.receive_bytes(timeout=SECONDS)))


async def gone(process: psutil.Process) -> None:
    await asyncio.to_thread(process.wait, SECONDS)


WRONG = ("", "{token}x", "{token}".swapcase(), "{token}%20", "wrong", "download", "%2e%2e", "%ff", "ä")


@pytest.mark.parametrize("place", ["", "/", "/ws", "/textual.js", "/download/1", "/../{token}/"])
async def test_without_the_token_nothing_is_answered(client: Client, site: Site, place: str) -> None:
    for wrong in WRONG[bool(place) :]:
        path = f"/{wrong}{place}".replace("{token}/", "x/").replace("{token}", site.token)
        answer = await client.get(path)
        assert answer.status == 403 and "whole address" in await answer.text(), path
        assert site.token not in str(answer.headers)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        await client.ws_connect("/wrong/ws")


async def test_the_page_needs_nothing_from_elsewhere(client: Client, site: Site) -> None:
    page = await (await client.get(f"/{site.token}/")).text()
    assert "&lt;films&gt;\ufffd · VSR++" in page
    named = re.findall(r"""(?:src|href)="([^"]*)"|url\(["']?([^"')]*)""", page)
    assert {name for names in named for name in names if name} == {*ASSETS, "data:,"}
    for name in ASSETS:
        answer = await client.get(f"/{site.token}/{name}")
        assert answer.status == 200 and not re.search(rb"url\((?!data:)|@import", await answer.read()), name
    assert (await client.get(f"/{site.token}/server.py")).status == 404
    assert (await client.get(f"/{site.token}", allow_redirects=False)).headers["Location"] == f"{site.token}/"


@pytest.mark.parametrize("unread", ["{", "[" * 100_000])
async def test_what_the_browser_sends_reaches_the_application(client: Client, site: Site, unread: str) -> None:
    visit, _ = await opened(client, site)
    for sent, arrived in (
        (["stdin", "p\x1b[Aä\ud800"], "Dp\x1b[Aä?"),
        (["resize", {"width": 45, "height": 36}], 'M{"type": "resize", "width": 45, "height": 36}'),
        (["resize", {"width": 10**9, "height": -1}], 'M{"type": "resize", "width": 1000, "height": 1}'),
        (["focus"], 'M{"type": "focus"}'),
        (["blur"], 'M{"type": "blur"}'),
    ):
        odd: object
        for odd in (["ping", "1"], ["resize", {"width": "x"}], ["stdin"], {}, 0):
            await visit.send_str(json.dumps(odd))
        await visit.send_bytes(b'["focus"]')
        await visit.send_str(json.dumps(sent))
        assert await visit.receive_bytes(timeout=SECONDS) == arrived.encode()
    await visit.send_str(unread)
    assert (await visit.receive(timeout=SECONDS)).data == aiohttp.WSCloseCode.UNSUPPORTED_DATA


async def test_an_application_ends_with_the_visit_and_the_visit_with_it(client: Client, site: Site) -> None:
    left, first = await opened(client, site)
    cut, second = await opened(client, site)
    ended, third = await opened(client, site)
    await left.close()
    assert cut._response.connection and cut._response.connection.transport
    cut._response.connection.transport.abort()
    await ended.send_str('["stdin", "q"]')
    while (message := await ended.receive(timeout=SECONDS)).type is aiohttp.WSMsgType.BINARY:
        pass
    assert message.data == aiohttp.WSCloseCode.OK
    for process in (first, second, third):
        await gone(process)


async def test_an_application_that_does_not_end_is_killed(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, "stubborn")
    monkeypatch.setattr(server, "LEAVING_SECONDS", 0.2)
    visit, process = await opened(client, site)
    await visit.close()
    await gone(process)


async def test_an_application_that_does_not_begin_ends_the_visit(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave(monkeypatch, "broken")
    visit = await client.ws_connect(f"/{site.token}/ws")
    assert (await visit.receive(timeout=SECONDS)).type is aiohttp.WSMsgType.CLOSE


async def test_there_is_room_for_so_many(client: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_VISITORS", 2)
    (visit, process), _ = [await opened(client, site) for _ in range(2)]
    full = await client.get(f"/{site.token}/")
    assert full.status == 503 and "try again" in await full.text()
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        await client.ws_connect(f"/{site.token}/ws")
    await visit.close()
    await gone(process)
    assert (await client.get(f"/{site.token}/")).status == 200
    await opened(client, site)


async def test_all_applications_end_with_the_server(site: Site) -> None:
    async with served(site) as client:
        visits = [await opened(client, site) for _ in range(3)]
    for _, process in visits:
        assert not process.is_running()


# where it is served


def test_a_taken_port_and_an_unknown_host_are_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--serve", str(tmp_path), "--port", str(port)]) == 1
        assert capsys.readouterr().err == (
            f"vsrpp-tui: port {port} is taken on 127.0.0.1; "
            "name another with --port, or --port 0 for any that is free\n"
        )
    with pytest.raises(VsrppError, match=r"nothing can be served on 192\.0\.2\.1, port 0 \(Cannot assign"):
        serve(tmp_path, "192.0.2.1", 0)


def test_what_cannot_be_served_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--serve", str(tmp_path / "none")]) == 2
    assert "is not a run's folder; name one to serve" in capsys.readouterr().err
    assert main([str(tmp_path), "--port", "0"]) == 2
    assert "add --serve" in capsys.readouterr().err


def test_who_is_let_in_beyond_this_machine_is_warned_of() -> None:
    site = Site(Path("/runs/films"))
    for host in ("127.0.0.1", "127.3.2.1", "::1", "localhost"):
        assert "warning" not in "".join(announcement(site, host, 8000))
    for host in ("0.0.0.0", "192.168.1.5", "::", "gpu-box"):
        assert "warning" in announcement(site, host, 8000)[1]
    assert f"http://[::1]:8000/{site.token}/" in announcement(site, "::1", 8000)[0]
    assert len(site.token) >= 22 and site.token != Site(Path("/runs/films")).token
