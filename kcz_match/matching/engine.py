"""The encoder and the open index of this process.

``configure`` only remembers settings.  Both are made at the first use, which is after a web worker forked: libraries
with threads of their own do not survive a fork.  The model itself loads at the first text that has to be encoded, so a
page that compares stored records never waits for it.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kcz_match.matching import encoder as encoders
from kcz_match.matching.index import RecordIndex
from kcz_match.matching.record_encoder import RecordEncoder
from kcz_match.matching.vectors import Encodes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Where the encoder and the index files are, after how many changes a generation is built, and threads to encode.

    One thread is right while the site serves.  Measured with other work on both cores: a text took 0.3 s of waiting and
    0.1 s of computing with one thread, 4 s and 1 s with two, which wait for each other in turns.
    """

    encoder_location: str
    indexes: Path
    fold_rows: int
    threads: int = 1


class Engine:
    """The encoder and the index that belong together."""

    def __init__(self, settings: Settings, encoder: Encodes) -> None:
        self.settings = settings
        self.encoder = encoder

    @cached_property
    def index(self) -> RecordIndex:
        """The searched lists of this encoder."""
        return RecordIndex(self.settings.indexes, self.encoder.name)

    def warm_up(self) -> None:
        """Load the model now rather than at the first text; what is wrong with it goes to the log."""
        try:
            self.encoder.encode_both(["预热"], role="passage")
        except encoders.EncodingError:
            log.exception("the encoder cannot be used")

    def wants_fold(self) -> bool:
        """Say whether it is time to build: enough changed, or there is no sound generation to start from."""
        waiting = self.index.changes_waiting()
        return waiting >= self.index.fold_after(self.settings.fold_rows) or bool(waiting and self.index.finding)


_lock = threading.Lock()
_state: dict[str, Any] = {"settings": None, "engine": None, "process": 0, "encoder for tests": None}


def configure(encoder_location: str, indexes: str | Path, fold_rows: int, threads: int = 1) -> None:
    """Remember the settings of the application; whatever was open under others is let go."""
    with _lock:
        _state.update(settings=Settings(str(encoder_location), Path(indexes), int(fold_rows), threads), engine=None)


def engine() -> Engine:
    """Return the engine of this process, made at the first call; ``RuntimeError`` before ``configure``."""
    with _lock:
        if _state["settings"] is None:
            raise RuntimeError("engine.configure was not called")
        if _state["engine"] is None or _state["process"] != os.getpid():
            settings: Settings = _state["settings"]
            encoder = _state["encoder for tests"] or RecordEncoder(
                encoders.load(settings.encoder_location, settings.threads), settings.indexes
            )
            _state.update(engine=Engine(settings, encoder), process=os.getpid())
        made: Engine = _state["engine"]
        return made


def set_encoder_for_tests(encoder: Encodes | None) -> None:
    """Use this encoder in place of the configured one until called with None."""
    with _lock:
        _state.update({"encoder for tests": encoder, "engine": None})
