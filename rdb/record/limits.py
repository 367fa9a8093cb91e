"""How much of the past is kept.

Two limits, of instructions and of bytes, each a setting that may be "auto".  The bytes are those that the log really takes: the
entry segments, and the chunks that block segments lie in (rdb.record.compiled.log), each of which counts whole until the last of
its segments is gone.

Whichever limit is reached first, the recording is full.  With stop-at-limit the user is asked, once; otherwise, and from then on,
the oldest is dropped to make room, and with it all that is known by position.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rdb.linux import memory
from rdb.record.record_list import RecordList
from rdb.settings import AUTO_LIMIT, Settings

# GDB's
INSTRUCTIONS = 200000
# Of the memory that is free when recording begins, the log may take one part in so many.
_SHARE = 4
_QUESTION = (
    "Do you want to auto delete previous execution log entries when record/replay buffer becomes full "
    "(record full stop-at-limit)?"
)


class Ring(Protocol):
    """See rdb.record.compiled.log.Ring."""

    most: int | None

    @property
    def bytes_used(self) -> int: ...

    def release(self) -> None: ...


class Limits:
    """The limits of one recording.  `ring` has the chunks of its block segments, if it can have such."""

    def __init__(
        self, settings: Settings, log: RecordList, ask: Callable[[str], bool], forget: Callable[[int], None]
    ) -> None:
        """`ask` asks the user yes or no; `forget` drops what is known about the time before a position."""
        self._settings, self._log, self._ask, self._forget = settings, log, ask, forget
        self._share = memory.available() // _SHARE
        self.ring: Ring | None = None

    @property
    def instructions(self) -> int | None:
        """The most instructions that are kept; None for all."""
        if self._settings["record full insn-number-max"] == AUTO_LIMIT:
            return INSTRUCTIONS if self.ring is None else None
        return self._settings.limit("record full insn-number-max")

    @property
    def bytes(self) -> int | None:
        """The most bytes that the log takes; None for any number."""
        auto = self._settings["record full log-size-max"] == AUTO_LIMIT
        wanted = self._share if auto else self._settings.limit("record full log-size-max")
        most = self.ring.most if self.ring is not None else None
        return min((limit for limit in (wanted, most) if limit is not None), default=None)

    @property
    def taken(self) -> int:
        """The bytes that the log takes, or is about to take."""
        if self.ring is None:
            return self._log.own_bytes
        self.ring.release()
        return self._log.own_bytes + self.ring.bytes_used

    def room(self, most: int) -> int:
        """How many instructions to record before looking again, at most `most`; 0 if the recording is full and is to stay so."""
        if self._is_full():
            if self._settings.flag("record full stop-at-limit"):
                if not self._ask(_QUESTION):
                    return 0
                self._settings["record full stop-at-limit"] = False
            self.prune()
        limit = self.instructions
        return most if limit is None else min(most, limit - len(self._log) or limit)

    def _is_full(self) -> bool:
        instructions, size = self.instructions, self.bytes
        return (instructions is not None and len(self._log) >= instructions) or (size is not None and self.taken > size)

    def prune(self) -> None:
        """Drop the oldest of what is too much, unless the user is to be asked."""
        if self._settings.flag("record full stop-at-limit"):
            return
        low, size = self._log.low, self.bytes
        self._log.prune(self.instructions)
        while size is not None and self.taken > size and self._log.prune_segment():
            pass
        if self._log.low > low:
            self._forget(self._log.low)
