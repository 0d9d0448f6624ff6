"""The page in a real browser, of a run that is being trained: skipped where there is no Chromium, or no playwright.

apt install chromium-headless-shell; pip install playwright; pytest -m browser
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import MakeDataset
from tests.vsrpp_tui.program import tiny_run
from vsrpp_core.messages import commands as cmd
from vsrpp_core.remote.link import ask
from vsrpp_core.remote.standing import standing_of
from vsrpp_core.run.folder import RunFolder

CHROMIUM = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)
SECONDS = 120

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium-headless-shell"),
    pytest.mark.skipif(not find_spec("playwright"), reason="needs playwright: pip install playwright"),
]


@pytest.fixture
def folder(tmp_path: Path, make_dataset: MakeDataset) -> Iterator[RunFolder]:
    """A run that another process trains, and that never comes to its end."""
    run = tiny_run(tmp_path / "run")
    words = [sys.executable, "-m", "vsrpp_core", "train", str(run), "--data", str(make_dataset())]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as trainer:
        opened = RunFolder(run)
        until(lambda: standing_of(opened).status == "training", "training")
        yield opened
        ask(opened, cmd.Stop(), SECONDS)
        trainer.wait(SECONDS)


@pytest.fixture
def server(folder: RunFolder) -> Iterator[tuple[psutil.Process, str]]:
    words = [sys.executable, "-m", "vsrpp_tui", "--serve", str(folder.path), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield psutil.Process(process.pid), process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture
def browser() -> Iterator[Any]:
    with import_module("playwright.sync_api").sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what} did not come about"
        time.sleep(0.2)


def look_in(browser: Any, address: str, asked: list[str] | None = None, **shape: Any) -> Any:
    """A page that shows the application; ``asked`` gets the addresses that it loads from."""
    page = browser.new_context(**shape).new_page()
    page.on("request", lambda request: asked.append(request.url) if asked is not None else None)
    page.goto(address)
    page.wait_for_selector("body.-first-byte", timeout=1000 * SECONDS)
    return page


def keep(page: Any, name: str) -> bytes:
    """A picture of the page, kept in the folder that BROWSER_PICTURES names, if any."""
    picture: bytes = page.screenshot()
    if place := os.environ.get("BROWSER_PICTURES"):
        (Path(place) / f"{name}.png").write_bytes(picture)
    return picture


def test_a_run_is_watched_and_paused_from_a_wide_page_and_a_phone(
    folder: RunFolder, server: tuple[psutil.Process, str], browser: Any
) -> None:
    process, address = server
    asked: list[str] = []
    page = look_in(browser, address, asked, viewport={"width": 1600, "height": 950})
    step, before = standing_of(folder).step, keep(page, "opened")
    until(lambda: standing_of(folder).step > step and keep(page, "wide") != before, "a step that rises, and is seen")
    page.keyboard.press("p")
    until(lambda: standing_of(folder).status == "paused", "a pause")
    page.wait_for_timeout(3000)
    keep(page, "paused")
    assert asked and all(url.startswith(address) or url == address.replace("http", "ws") for url in asked)

    phone = look_in(browser, address, viewport={"width": 390, "height": 664}, has_touch=True, is_mobile=True)
    assert phone.evaluate("document.querySelector('.xterm-helper-textarea').inputMode") == "none"
    until(lambda: len(process.children()) == 2, "a second application")
    phone.wait_for_timeout(5000)
    keep(phone, "phone")
    phone.touchscreen.tap(20, 590)  # the first key of the footer, which is p
    until(lambda: standing_of(folder).status == "training", "that it goes on")

    phone.context.close()
    page.context.close()
    until(lambda: not process.children(), "the end of both applications")


def test_a_wrong_token_is_refused_and_ten_visitors_are_not(server: tuple[psutil.Process, str], browser: Any) -> None:
    process, address = server
    wrong = browser.new_page().goto(address[:-2] + ("a/" if address[-2] != "a" else "b/"))
    assert wrong.status == 403 and "whole address" in wrong.text()
    pages = [look_in(browser, address) for _ in range(10)]
    assert len(process.children()) == 10
    applications = process.children()
    process.terminate()
    assert psutil.wait_procs([process, *applications], timeout=SECONDS)[1] == []
    pages[0].wait_for_selector("text=The connection is lost.", timeout=1000 * SECONDS)
