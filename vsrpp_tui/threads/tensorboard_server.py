"""TensorBoard beside the application: a process of its own that cannot outlive it.

Run as a module, this file serves TensorBoard until its standard input closes. The application holds the other
end of that pipe, and the operating system closes it however the application ends, also when it is killed.
"""

import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import IO

STARTING_SECONDS = 60.0
"""A server that has not printed its address by then has failed."""

STOPPING_SECONDS = 5.0
"""A server that has not ended by then is killed: the application must not wait for it."""


class TensorBoard:
    """Starts at most one server; its address is known some seconds later."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._reader: Thread | None = None
        self._started_at = 0.0
        self.url = ""

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def is_overdue(self) -> bool:
        """Whether it runs but should have printed its address by now."""
        return self.is_running and not self.url and time.monotonic() - self._started_at > STARTING_SECONDS

    def start(self, logs: Path) -> None:
        """Serve ``logs`` on 127.0.0.1 at a free port."""
        self.url, self._started_at = "", time.monotonic()
        self._process = subprocess.Popen(
            _command(logs),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal is the application's to handle
        )
        assert self._process.stdout is not None
        self._reader = Thread(target=self._read_url, args=(self._process.stdout,), name="tensorboard", daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """End the server and wait until it is gone. Safe to call when there is none."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader:
            self._reader.join()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()

    def _read_url(self, stream: IO[str]) -> None:
        self.url = stream.readline().strip()


def _command(logs: Path) -> list[str]:
    return [sys.executable, "-m", "vsrpp_tui.threads.tensorboard_server", str(logs)]


def serve(logs: str) -> None:
    """Print the address, then serve until standard input ends."""
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=[None, "--logdir", logs, "--host", "127.0.0.1", "--port", "0", "--load_fast", "false"])
    print(server.launch(), flush=True)  # noqa: T201  the line the application reads
    sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1])
