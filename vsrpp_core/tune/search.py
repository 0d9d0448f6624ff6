"""The search down the ladder: what is known about each rung, how it is judged, and what choosing one means.

Separate from measure.py, which times real steps, and from interactive.py, which follows the user, because nothing here
depends on a network, a clock or a queue.
"""

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import date
from time import monotonic
from typing import Literal

from vsrpp_core.data.stacked import StackGeometry
from vsrpp_core.device.hardware import Hardware
from vsrpp_core.errors import UsageError
from vsrpp_core.messages import events as ev
from vsrpp_core.messages.kinds import Checkpointing, TuneFault
from vsrpp_core.run.config import RunConfig
from vsrpp_core.run.disk import GB
from vsrpp_core.run.settings import NO_OVERRIDES, Overrides
from vsrpp_core.tune.advice import Miss, advice
from vsrpp_core.tune.ladder import Limits, Rung, forecast, small_rung, with_sizes
from vsrpp_core.tune.predict import predict

BRAKE_SECONDS = 90.0
"""A search that has taken this long measures only what is expected to pass, so that it ends within two minutes."""

LONGEST_STEP = 20.0
"""Seconds: a step cannot be interrupted, so one that is expected to take longer is not measured."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Median seconds per micro-batch and peak bytes on the device; ``out_of_memory`` instead where it did not fit.

    Where a step was over the limit, ``seconds`` is that step's: nothing was measured after it.
    """

    seconds: float
    memory_peak: int
    out_of_memory: bool = False


Measure = Callable[[RunConfig, Hardware, StackGeometry], Measurement]


class Search:
    """The rungs with their predictions, and the measurements so far."""

    def __init__(
        self,
        config: RunConfig,
        hardware: Hardware,
        geometry: StackGeometry,
        measure: Measure,
        small: Overrides = NO_OVERRIDES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """``small``: settings of the network for CPUs, which is one more rung where they are given."""
        self.config, self.hardware, self.geometry = config, hardware, geometry
        self._measure, self._clock = measure, clock
        self.limits = Limits.of(config, hardware)
        self._ladder = forecast(config, hardware, geometry)
        self.small = small_rung(config, small, hardware, geometry) if small else None
        self.rungs = [*self._ladder, *([self.small] if self.small else [])]
        self._tried: dict[tuple[int, Checkpointing], ev.ConfigurationTried] = {}
        self._misses: dict[tuple[int, Checkpointing], Miss] = {}

    @property
    def passed(self) -> ev.ConfigurationTried | None:
        """The largest rung that passed, if any."""
        return min((tried for tried in self._tried.values() if tried.passed), key=lambda t: t.index, default=None)

    def predictions(self) -> Iterator[ev.ConfigurationPredicted]:
        for rung in self.rungs:
            yield rung.predicted()

    def advice(self) -> str:
        """What came closest, and what would let it pass. At least one rung must have failed."""
        return advice(list(self._misses.values()), self.config, self.hardware, self.geometry)

    # measuring

    def climb(self) -> Iterator[ev.Event]:
        """Try the ladder from the top until a rung passes; each measurement happens when the next event is read."""
        begun = self._clock()
        for rung in self._ladder:
            if not rung.modes:
                miss = self._ruled_out(rung)
                self._misses[rung.index, miss.mode] = miss
                yield rung.tried(miss.mode, rung.fault, f"not measured, {rung.verdict}")
            elif rung is not self._ladder[-1] and self._is_late(begun) and not rung.is_expected_to_pass(self.limits):
                verdict = f"not measured: auto-tune has taken over {BRAKE_SECONDS:.0f} s and does not expect it to pass"
                yield rung.tried(rung.modes[0], "brake", verdict)
            elif (yield from self.attempt(rung)):
                return

    def _is_late(self, begun: float) -> bool:
        return self._clock() - begun > BRAKE_SECONDS

    def attempt(self, rung: Rung, again: bool = False) -> Generator[ev.Event, None, bool]:
        """Measure a rung, with checkpointing where memory is short; returns whether it passes. Earlier measurements are
        repeated only with ``again``."""
        for mode in rung.modes or (rung.mode,):
            tried = self._tried.get((rung.index, mode))
            if tried is None or again:
                yield ev.MeasurementStarted(index=rung.index, checkpointing=mode)
                tried = self._try(rung, mode)
                yield tried
            if tried.passed:
                return True
            if tried.fault == "time":
                return False  # checkpointing would only be slower
        return False

    def why_not_measure(self, rung: Rung) -> str:
        """A reason, or empty where it can be measured. A GPU refuses too large an allocation; on a CPU the system kills
        what takes all memory, possibly this program."""
        prediction = rung.predictions[rung.mode]
        if self.hardware.description.kind == "cpu" and prediction.memory > self.limits.memory:
            return f"about {prediction.memory / GB:.1f} GB are needed, and {self.limits.memory / GB:.1f} GB are allowed"
        if prediction.seconds / rung.accumulation > LONGEST_STEP:
            return f"a step is predicted to take {prediction.seconds:.0f} s, and measuring takes several"
        return ""

    def _try(self, rung: Rung, mode: Checkpointing) -> ev.ConfigurationTried:
        candidate = rung.configure(self.config, mode, self.geometry.n_frames)
        result = self._measure(candidate, self.hardware, self.geometry)
        seconds = result.seconds * rung.accumulation
        fault, verdict = self._judge(result, seconds)
        tried = rung.tried(mode, fault, verdict, seconds, result.memory_peak, passed=not fault)
        key = rung.index, mode
        self._tried[key] = tried
        self._misses.pop(key, None)
        if fault:
            self._misses[key] = self._missed(rung, tried, result.out_of_memory)
        return tried

    def _judge(self, result: Measurement, seconds: float) -> tuple[TuneFault, str]:
        """Time is judged first: a rung that is too slow would not pass with less memory either."""
        limits, share = self.limits, self.config.tune.max_memory
        if result.out_of_memory:
            return "memory", "out of memory"
        if seconds > limits.seconds:
            return "time", f"{seconds:.2f} s per step is over {limits.seconds:g} s"
        if result.memory_peak > limits.memory:
            return "memory", f"memory {result.memory_peak / GB:.1f} GB is over {share:.0%} of the card"
        return "", f"passes with {seconds:.2f} s per step and {result.memory_peak / GB:.1f} GB"

    def _ruled_out(self, rung: Rung) -> Miss:
        """How far an unmeasured rung is from passing, by its expected time rather than the lower bound."""
        limits = self.limits
        for mode, prediction in rung.predictions.items():
            if prediction.seconds_floor > limits.seconds:
                return Miss(rung, mode, "time", prediction.seconds, prediction.seconds / limits.seconds, measured=False)
        leanest, prediction = list(rung.predictions.items())[-1]
        return Miss(rung, leanest, "memory", prediction.memory, prediction.memory / limits.memory, measured=False)

    def _missed(self, rung: Rung, tried: ev.ConfigurationTried, out_of_memory: bool) -> Miss:
        limits, mode = self.limits, tried.checkpointing
        if tried.fault == "time":
            seconds = tried.seconds_per_step
            return Miss(rung, mode, "time", seconds, seconds / limits.seconds, measured=True)
        needed = tried.memory_peak
        if out_of_memory:  # what it needs is not known, but it exceeds the limit and the whole device
            needed = max(rung.predictions[mode].memory, tried.memory_peak, self.hardware.description.memory)
        return Miss(rung, mode, "memory", needed, needed / limits.memory, measured=not out_of_memory)

    # choosing

    def rung(self, index: int) -> Rung:
        """Raises UsageError for an index that is not on the ladder."""
        for rung in self.rungs:
            if rung.index == index:
                return rung
        raise UsageError(f"there is no rung {index}; choose one from 1 to {len(self.rungs)}")

    def mode_of(self, rung: Rung) -> Checkpointing:
        """The best checkpointing for a rung: as it passed, else as it is predicted to fit."""
        passed = [mode for mode in rung.predictions if (t := self._tried.get((rung.index, mode))) and t.passed]
        return passed[0] if passed else rung.mode

    def choose(self, index: int, checkpointing: Checkpointing | Literal[""] = "") -> tuple[RunConfig, list[str]]:
        """The settings of a rung, and a warning for each limit that it exceeds.

        Raises UsageError for a rung, or a kind of checkpointing, that the ladder does not have.
        """
        rung = self.rung(index)
        mode = checkpointing or self.mode_of(rung)
        if mode not in rung.predictions:
            choices = ", ".join(rung.predictions)
            raise UsageError(f"rung {index} cannot be trained with checkpointing {mode}; choose from {choices}")
        chosen, tried = rung.configure(self.config, mode, self.geometry.n_frames), self._tried.get((index, mode))
        if tried and tried.passed:
            found = f"{_figures(tried.seconds_per_step, tried.memory_peak)} measured on {self._device}"
            return _with_found(chosen, found), []
        if tried and math.isfinite(tried.seconds_per_step):
            found = f"chosen by hand, {_figures(tried.seconds_per_step, tried.memory_peak)} measured on {self._device}"
            return _with_found(chosen, found), self._excess(tried.seconds_per_step, tried.memory_peak, "was measured")
        warnings = [] if rung is self.small else self._excess(*self._predicted(chosen), "is predicted")
        how = "the small network for CPUs" if rung is self.small else "chosen by hand"
        return _with_found(chosen, f"{how}, {self._in_words(chosen)}"), warnings

    def set_by_hand(
        self, n_feats: int, n_blocks: int, batch_size: int, accumulation: int, checkpointing: Checkpointing
    ) -> tuple[RunConfig, list[str]]:
        """Settings with these sizes, and a warning for each limit that they exceed. UsageError for invalid sizes.

        On a CPU everything else is as for the small network: whole patches and a GPU's schedule are too slow there.
        """
        config, sizes = (
            self.config.with_overrides(self.small.also if self.small else NO_OVERRIDES),
            (n_feats, batch_size, n_blocks),
        )
        chosen = with_sizes(config, sizes, accumulation, checkpointing, self.geometry.n_frames)
        warnings = self._excess(*self._predicted(chosen), "is predicted")
        least = self.config.tune.min_effective_batch
        if batch_size * accumulation < least:
            warnings.append(f"the effective batch is {batch_size * accumulation}; at least {least} is wanted")
        return _with_found(chosen, f"set by hand, {self._in_words(chosen)}"), warnings

    def predict_by_hand(self, chosen: RunConfig) -> ev.ConfigurationPredicted:
        """The prediction for sizes that a user is considering."""
        model, training, limits = chosen.model, chosen.training, self.limits
        prediction = predict(chosen, self.geometry, self.hardware)
        fault: TuneFault = "time" if prediction.seconds > limits.seconds else ""
        fault = fault or ("memory" if prediction.memory > limits.memory else "")
        return ev.ConfigurationPredicted(
            index=0,
            n_feats=model.n_feats,
            n_blocks=model.n_blocks,
            batch_size=training.batch_size,
            accumulation=training.accumulation,
            checkpointing=training.checkpointing,
            parameters=prediction.parameters,
            predicted_seconds=prediction.seconds,
            predicted_memory=prediction.memory,
            verdict={"": "may fit", "time": "too slow", "memory": "too large"}[fault],
            fault=fault,
        )

    def _excess(self, seconds: float, memory: float, how: str) -> list[str]:
        limits, warnings = self.limits, list[str]()
        if seconds > limits.seconds:
            warnings.append(f"a step of {seconds:.2f} s {how}; {limits.seconds:g} s are allowed")
        if memory > limits.memory:
            warnings.append(f"memory of {memory / GB:.1f} GB {how}; {limits.memory / GB:.1f} GB are allowed")
        return warnings

    def _predicted(self, chosen: RunConfig) -> tuple[float, int]:
        prediction = predict(chosen, self.geometry, self.hardware)
        return prediction.seconds, prediction.memory

    def _in_words(self, chosen: RunConfig) -> str:
        return f"predicted {_figures(*self._predicted(chosen))} on {self._device}"

    @property
    def _device(self) -> str:
        return f"{self.hardware.description.name} ({self.hardware.precision})"


def _with_found(config: RunConfig, found: str) -> RunConfig:
    return config.with_overrides({"tune.found": f"{found}, {date.today().isoformat()}"})


def _figures(seconds: float, memory: float) -> str:
    step = f"{seconds:.2f} s per step and " if math.isfinite(seconds) else ""
    return f"{step}{memory / GB:.1f} GB"
