import io
import os
import tempfile
from pathlib import Path

import platformdirs
import pytest

from vsrpp_core.run.names import home_for_short, in_home, place, speak_anywhere, user_folder


def test_without_a_home_a_user_s_folders_are_among_the_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(name: str) -> Path:
        raise RuntimeError(f"could not determine the home directory for {name}")

    monkeypatch.setattr(platformdirs, "user_config_path", no_home)
    assert user_folder("config").is_relative_to(tempfile.gettempdir())
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda text: text)  # a number of no name
    assert (place("~/films"), in_home("~x"), home_for_short(Path("/a"))) == (Path("~/films"), "~x", "/a")


def test_an_output_takes_characters_that_its_encoding_does_not_have() -> None:
    output = io.TextIOWrapper(raw := io.BytesIO(), encoding="ascii")
    speak_anywhere(output)
    output.write("≥ 1, Gr\udcf6ße\n")
    output.flush()
    assert raw.getvalue() == b"? 1, Gr??e\n"
