"""The page on which a run is watched and steered in browsers, by an application of its own for each visitor.

textual-serve has the terminal that runs in the browser and the packets between it and an application. Its own server
is not used: it knows no token, and its page fetches a font from elsewhere.
"""

import asyncio
import errno
import html
import ipaddress
import os
import secrets
import shlex
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from vsrpp_core.errors import VsrppError
from vsrpp_core.run.files import read_json
from vsrpp_core.run.names import readable

MOST_VISITORS = 16
"""Each costs a process of some 100 MB."""

HEARTBEAT_SECONDS = 15.0
"""Between two questions to a browser whether it is still there."""

LEAVING_SECONDS = 5.0
"""In which a visitor's application ends by itself."""

MOST_CELLS = 1_000
"""Of a browser's terminal in one direction; an application of a billion would take all memory from the training."""

READ_BYTES = 1 << 16

PARTING_SECONDS = 1.0
"""In which a browser answers that the connection ends."""

REFUSED = "This address is not complete: open the whole address that `vsrpp-tui --serve` has printed.\n"
FULL = (
    f"{MOST_VISITORS} visitors watch this run already, which is all there is room for; try again when one has left.\n"
)

PROGRAM = ("exec", sys.executable, "-m", "vsrpp_tui.web.visitor")
"""Shows the run that is named after it to one visitor."""

ASSETS = {
    "textual.js": "js/textual.js",
    "xterm.css": "css/xterm.css",
    "roboto-mono.ttf": "fonts/RobotoMono-VariableFont_wght.ttf",
}
"""What the page loads, and where it is in textual-serve."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Visit(AppService):
    """A visitor's application. It ends with the visit, whatever state it is in."""

    def __init__(self, run: Path, browser: web.WebSocketResponse) -> None:
        super().__init__(
            shlex.join((*PROGRAM, str(run))),
            write_bytes=browser.send_bytes,
            write_str=browser.send_str,
            close=self._close,
            download_manager=DownloadManager(),  # nothing is offered for download
        )
        self._browser = browser

    async def take(self, message: WSMessage) -> None:
        """Pass on what the browser sent; what no page sends is passed over. Raises ValueError for what is no JSON."""
        match read_json(message.data) if message.type is WSMsgType.TEXT else ():
            case ["stdin", str(keys)]:
                await self.send_bytes(keys.encode(errors="replace"))
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(_bounded(width), _bounded(height))
            case ["focus"]:
                await self.focus()
            case ["blur"]:
                await self.blur()

    async def run(self) -> None:
        """Pass on what the application draws; the visit ends with it, however it ended."""
        await super().run()
        await self._close()

    async def _close(self) -> None:
        await self._browser.close()

    async def stop(self) -> None:
        """Let the application end, and read what it still draws, for which it may be waiting; or else kill it."""
        process = self._process
        if process is None or process.stdout is None:
            return
        killing = asyncio.get_running_loop().call_later(LEAVING_SECONDS, _kill, process)
        try:
            await super().stop()
            while await process.stdout.read(READ_BYTES):
                pass
            await process.wait()
        finally:
            killing.cancel()
            _kill(process)


def _kill(process: Process) -> None:
    """Unless it has ended."""
    if process.returncode is None:
        process.kill()


class Site:
    """What is served, below a path that only who was told it knows."""

    def __init__(self, run: Path) -> None:
        """``run`` is the run's folder, absolute."""
        self.token = secrets.token_urlsafe(16)
        self._run = run
        self._browsers: set[web.WebSocketResponse] = set()
        page = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
        self._page = page.replace("{title}", html.escape(readable(run.name)))
        self._assets = Path(str(files("textual_serve"))) / "static"

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/{token}", self._to_page),
                web.get("/{token}/", self._show_page),
                web.get("/{token}/ws", self._visit),
                web.get("/{token}/{name}", self._asset),
            ]
        )
        application.on_shutdown.append(self._part)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Nothing is answered without the token, not even whether there is such a page."""
        given = request.path.split("/")[1]
        if not secrets.compare_digest(given.encode(errors="replace"), self.token.encode()):
            raise web.HTTPForbidden(text=REFUSED)
        return await handler(request)

    async def _to_page(self, request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"{self.token}/")  # relative: a proxy may have put a path before it

    async def _show_page(self, request: web.Request) -> web.StreamResponse:
        self._refuse_if_full()
        return web.Response(text=self._page, content_type="text/html")

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        place = ASSETS.get(request.match_info["name"])
        if place is None:
            raise web.HTTPNotFound
        return web.FileResponse(self._assets / place)

    async def _visit(self, request: web.Request) -> web.StreamResponse:
        """One visit, from the first packet to the last."""
        self._refuse_if_full()
        browser = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, timeout=PARTING_SECONDS)
        visit = Visit(self._run, browser)
        self._browsers.add(browser)
        try:
            await browser.prepare(request)
            await visit.start(_cells(request, "width", 80), _cells(request, "height", 24))
            async for message in browser:
                await visit.take(message)
        except ValueError:  # no page sends what is not JSON
            await browser.close(code=WSCloseCode.UNSUPPORTED_DATA)
        finally:
            self._browsers.remove(browser)
            await visit.stop()
        return browser

    def _refuse_if_full(self) -> None:
        if len(self._browsers) >= MOST_VISITORS:
            raise web.HTTPServiceUnavailable(text=FULL)

    async def _part(self, application: web.Application) -> None:
        """End every visit, or the server would wait for the visitors to leave."""
        await asyncio.gather(*(browser.close(code=WSCloseCode.GOING_AWAY) for browser in tuple(self._browsers)))


def _cells(request: web.Request, name: str, default: int) -> int:
    given = request.query.get(name, "")
    return _bounded(int(given)) if given.isdecimal() else default


def _bounded(cells: int) -> int:
    return min(max(cells, 1), MOST_CELLS)


def serve(run: Path, host: str, port: int) -> None:
    """Serve ``run`` until Ctrl-C or SIGTERM; port 0 is any free one. Raises VsrppError where it cannot be served."""
    asyncio.run(_serve(Site(run), host, port))


async def _serve(site: Site, host: str, port: int) -> None:
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    runner = web.AppRunner(site.application(), access_log=None, shutdown_timeout=2 * LEAVING_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise VsrppError(_unheard(host, port, error)) from None
        print("\n".join(announcement(site, host, runner.addresses[0][1])), flush=True)  # noqa: T201
        await ending.wait()
    finally:
        await runner.cleanup()


def _unheard(host: str, port: int, error: OSError) -> str:
    """Why nothing can be served there."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken on {host}; name another with --port, or --port 0 for any that is free"
    reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
    return f"nothing can be served on {host}, port {port} ({reason}); name others with --host and --port"


def announcement(site: Site, host: str, port: int) -> tuple[str, ...]:
    """Where the page is, and who can see it."""
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{port}/{site.token}/"
    if is_local(host):
        way = f"from another machine: ssh -L {port}:{shown}:{port} this-machine, then the same address"
    else:
        way = (
            "warning: whoever reaches this machine and knows the address steers the run, and nothing on the way is "
            "encrypted; docs/remote.md has safer ways"
        )
    return f"the page is at  {address}", way, "Ctrl-C ends it; the run goes on"


def is_local(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
