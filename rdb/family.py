"""Several inferiors in one session, and how a child of the program becomes one.

One inferior is current; it alone is resumed (GDB's `schedule-multiple off`).  When the program has stopped because it made a
child, `follow` decides what becomes of parent and child, just before the program is resumed, by two settings:

    follow-fork-mode   who is debugged from there on
    detach-on-fork     whether the other one runs on by itself, or is held as another inferior

The child of a vfork has its parent's memory until it executes a program or ends.  Where it is followed, the parent is held until
then, because our traps are in its memory too; they are taken out (rdb.target.native), and then the parent is let go.

A fork is a plain event for a recording: it goes on in the parent, or stays with a parent that is held.  A parent that is let go
takes its recording with it; whether the child is recorded in its place is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from rdb.debuggee import Debuggee
from rdb.errors import RdbError
from rdb.events import Executed, Forked
from rdb.inferior import Inferior
from rdb.settings import SettingValue
from rdb.target.native import NativeTarget
from rdb.target.newborn import Newborn

_ALL_BIRTHS = frozenset(("fork", "vfork"))
_CHILD_HELD = (
    "Can not resume the parent process over vfork in the foreground while\n"
    'holding the child stopped.  Try "set detach-on-fork" or "set schedule-multiple".'
)


class Family(Inferior):
    """`debuggees` are all inferiors by ascending number, `debuggee` the current one."""

    def __init__(self, query: Callable[[str], bool], notify: Callable[[object], None]) -> None:
        super().__init__(notify)
        self.query = query
        self.debuggees = [self.debuggee]
        self.settings.on_change("follow-exec-mode", _only_same)
        # A recording has been ended by what the program does now.
        self.was_recorded = False
        self._last_number = self.debuggee.number

    # -- which there are

    def find_debuggee(self, number: int) -> Debuggee:
        """The inferior with this number."""
        found = next((each for each in self.debuggees if each.number == number), None)
        if found is None:
            raise RdbError(f"Inferior ID {number} not known.")
        return found

    def add_debuggee(self) -> Debuggee:
        """One more inferior, with neither a file nor a process."""
        self._last_number += 1
        debuggee = Debuggee(self._last_number)
        self.debuggees.append(debuggee)
        return debuggee

    def prune(self) -> None:
        """Drop the inferiors that came by a fork and are over."""
        self.debuggees = [each for each in self.debuggees if each is self.debuggee or each.pid or not each.removable]

    def switch(self, debuggee: Debuggee) -> None:
        """Make an inferior the current one."""
        if debuggee is not self.debuggee:
            self._withdraw()
            self.debuggee = debuggee
            self.moved()
            self._objects_changed()

    def _withdraw(self) -> None:
        """The current inferior is put aside: nothing stays inserted in its target."""

    def kill_debuggee(self, debuggee: Debuggee) -> None:
        """Kill the process of any inferior."""
        debuggee.targets.top.kill()
        self._is_over(debuggee)

    def detach_debuggee(self, debuggee: Debuggee, signal: int = 0) -> None:
        """Let the process of any inferior run on by itself; one that has been killed while it stood is just over."""
        process = debuggee.process
        if process is not None and process.is_dead:
            process.kill()
        else:
            debuggee.targets.top.detach(signal)
        self._is_over(debuggee)

    def _is_over(self, debuggee: Debuggee) -> None:
        if debuggee is self.debuggee:
            self._ended()
        else:
            debuggee.end()

    def announce(self, sentence: str) -> None:
        """Tell of an inferior that comes or goes, unless the user does not want to know."""
        if self.settings.flag("print inferior-events"):
            self.notify(sentence)

    # -- births

    @property
    def kept_births(self) -> frozenset[str]:
        """By which calls a child is made that must not run on by itself."""
        follows_child = self.settings.text("follow-fork-mode") == "child"
        return _ALL_BIRTHS if follows_child or not self.settings.flag("detach-on-fork") else frozenset()

    def follow(self) -> None:
        """Decide about the child for which the program has stopped, if there is one; the program is about to be resumed.

        Afterwards the inferior that is followed is the current one.  Raises RdbError if the program cannot run on.
        """
        newborn, parent = self.target.newborn, self.debuggee
        if newborn is None:
            if parent.vfork_child is not None:
                raise RdbError(_CHILD_HELD)
        elif self.settings.text("follow-fork-mode") == "child":
            self._follow_child(newborn, parent)
        elif self.settings.flag("detach-on-fork"):
            self.target.take_newborn()
            newborn.let_go()
            self.notify(Forked(newborn.pid, newborn.how))
        elif newborn.how == "vfork":
            raise RdbError(_CHILD_HELD)
        else:
            self._take_in(newborn, parent)

    def _follow_child(self, newborn: Newborn, parent: Debuggee) -> None:
        recorded = self.was_recorded or self.recording is not None
        self.was_recorded = False
        self.announce(f"[Attaching after {self.process_title(parent)} {newborn.how} to child process {newborn.pid}]")
        child = self._take_in(newborn, parent)
        self.switch(child)
        if newborn.how == "vfork":
            parent.vfork_child, child.vfork_parent = child, parent
            self.was_recorded = recorded
        elif self.settings.flag("detach-on-fork"):
            self.announce(f"[Detaching after fork from parent process {parent.pid}]")
            self._let_parent_go(parent)
            if recorded:
                self._record_successor("the child process")

    def _take_in(self, newborn: Newborn, parent: Debuggee) -> Debuggee:
        """Make the child an inferior; it is a copy of its parent."""
        self.target.take_newborn()
        process = parent.process
        assert process is not None
        child = self.add_debuggee()
        child.copy(parent)
        target = NativeTarget(newborn.pid, process.arch, self.terminal, attached=process.attached)
        self._listen(target)
        if newborn.how == "vfork":
            target.lender = process
        child.targets.push(target)
        self.announce(f"[New inferior {child.number} (process {child.pid})]")
        return child

    def process_title(self, debuggee: Debuggee) -> str:
        """What GDB calls the process of an inferior."""
        return f"process {debuggee.pid}"

    def _let_parent_go(self, parent: Debuggee) -> None:
        pid = parent.pid
        self.detach_debuggee(parent)
        self.announce(f"[Inferior {parent.number} (process {pid}) detached]")

    def _give_memory_back(self, how: str) -> None:
        """The current inferior may be a vfork's child, which has done with its parent's memory."""
        child = self.debuggee
        parent, child.vfork_parent = child.vfork_parent, None
        if parent is not None:
            parent.vfork_child = None
            if parent.pid and self.settings.flag("detach-on-fork"):
                self.announce(f"[Detaching vfork parent process {parent.pid} after child {how}]")
                self._let_parent_go(parent)

    def _ended(self) -> None:
        self._give_memory_back("exit")
        super()._ended()
        self.was_recorded = False

    # -- recordings that end

    def end_recording(self) -> None:
        """What the program is about to do cannot be recorded: it goes on without."""
        self.record_stop()
        self.was_recorded = True

    def replaced(self, executed: Executed) -> None:
        """The process has become another program."""
        recorded = self.was_recorded or self.recording is not None
        self.was_recorded = False
        self._give_memory_back("exec")
        self._replaced(executed)
        if recorded:
            self._record_successor("the new program")

    def _record_successor(self, what: str) -> None:
        """What was recorded has come to its end; whether its successor is recorded is the user's decision."""
        self.notify(f"Process record: the recording has ended, with all that is before {what}.")
        if self.query(f"Do you want to record {what}, too?"):
            self.record()

    def record(self) -> None:
        """Begin to record the current inferior."""
        raise NotImplementedError

    def record_stop(self) -> None:
        """Stop recording it, and forget its past."""
        raise NotImplementedError


def _only_same(mode: SettingValue) -> None:
    if mode != "same":
        raise RdbError('Only "same" is supported: a new program stays in its inferior.')
