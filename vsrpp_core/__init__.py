"""VSR++ core: a headless trainer for video super-resolution, 3x unless told otherwise. Knows torch, never a screen.

For scripts, these names stay where they are while modules move; docs/python-api.md shows each in use::

    from pathlib import Path
    from vsrpp_core import commands, events, open_session

    session = open_session(Path("run"), Path("dataset"), start="fresh")
    for event in session.events(commands.CommandQueue()):
        if isinstance(event, events.StepReported):
            print(event.step, event.loss_total)

Each is imported when it is first asked for, so that ``import vsrpp_core`` loads nothing. The project itself imports
every name from the module that defines it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vsrpp_core import errors as errors
    from vsrpp_core.apply.load_network import load_network as load_network
    from vsrpp_core.apply.upscale import job_events as job_events
    from vsrpp_core.apply.upscale import jobs as jobs
    from vsrpp_core.apply.upscale.upscale import upscale as upscale
    from vsrpp_core.messages import commands as commands
    from vsrpp_core.messages import events as events
    from vsrpp_core.session.session import open_session as open_session

__version__ = "0.1.0"

_MODULES = {
    "commands": "vsrpp_core.messages.commands",
    "errors": "vsrpp_core.errors",
    "events": "vsrpp_core.messages.events",
    "job_events": "vsrpp_core.apply.upscale.job_events",
    "jobs": "vsrpp_core.apply.upscale.jobs",
    "load_network": "vsrpp_core.apply.load_network",
    "open_session": "vsrpp_core.session.session",
    "upscale": "vsrpp_core.apply.upscale.upscale",
}
"""The public names: functions of these modules, or the modules themselves."""

if not TYPE_CHECKING:  # a type checker sees the imports above

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(_MODULES[name])
        return getattr(module, name, module)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_MODULES})
