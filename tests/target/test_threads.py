"""A process with several threads: how they run, stop, report and end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from rdb.arch.base import Bank
from rdb.arch.x86_64 import ARCH
from rdb.events import (
    Accessed,
    AtBreakpoint,
    Executed,
    Exited,
    Forked,
    Killed,
    Resume,
    RunnerEnded,
    Signalled,
    Stepped,
    Stop,
    ThreadCreated,
    ThreadExited,
    Watch,
    WatchKind,
)
from rdb.linux import procfs, ptrace, threads
from rdb.linux.terminal import Terminal
from rdb.target.native import NativeTarget
from tests.build import program
from tests.target.debugged import PROGRAM, Debugged

THREADS, VISITS = 6, 25


def test_every_hit_of_a_breakpoint_is_told_once(start: Callable[..., Debugged]) -> None:
    debugged = start("visit")
    debugged.target.insert_breakpoint(debugged.symbols["visit"])
    hits: Counter[int] = Counter()
    while not (stop := debugged.go()).ended:
        assert stop.reasons == (AtBreakpoint(debugged.symbols["visit"]),)
        assert stop.thread == debugged.target.thread and debugged.pc() == debugged.symbols["visit"]
        hits[stop.thread] += 1
    assert stop.reasons == (Exited(7),)
    assert list(hits.values()) == [VISITS] * THREADS
    created = [each.thread for each in debugged.told if isinstance(each, ThreadCreated)]
    exited = [each.thread for each in debugged.told if isinstance(each, ThreadExited)]
    assert set(hits) == set(created) == set(exited) and len(created) == len(exited) == THREADS


def test_a_breakpoint_that_was_removed_is_not_told(start: Callable[..., Debugged]) -> None:
    debugged = start("visit")
    address = debugged.symbols["visit"]
    debugged.target.insert_breakpoint(address)
    for _ in range(THREADS):
        assert debugged.go().reason(AtBreakpoint)
    debugged.target.remove_breakpoint(address)
    assert debugged.go().reasons == (Exited(7),)


def test_signals_in_several_threads_at_once(start: Callable[..., Debugged]) -> None:
    debugged = start("raise")
    hits: Counter[int] = Counter()
    stop = debugged.go()
    while not stop.ended:
        signalled = stop.reason(Signalled)
        assert signalled is not None and signalled.number == signal.SIGUSR1
        hits[stop.thread] += 1
        stop = debugged.go(Resume(signal=signal.SIGUSR1))
    assert stop.reasons == (Exited(7),), "the program counts what its handler got"
    assert list(hits.values()) == [VISITS] * THREADS


def test_silent_signals_and_breakpoints(start: Callable[..., Debugged]) -> None:
    debugged = start("raise")
    debugged.target.pass_silently([signal.SIGUSR1])
    debugged.target.insert_breakpoint(debugged.symbols["visit"])
    debugged.target.insert_breakpoint(debugged.symbols["handler"])
    hits: Counter[int] = Counter()
    while not (stop := debugged.go()).ended:
        reached = stop.reason(AtBreakpoint)
        assert reached is not None
        hits[reached.address] += 1
    assert stop.reasons == (Exited(7),)
    assert set(hits.values()) == {THREADS * VISITS}


def test_watchpoints_are_in_every_thread(start: Callable[..., Debugged]) -> None:
    debugged = start("write")
    watched = [Watch(debugged.symbols["watched"] + 8 * number, 8, WatchKind.WRITE) for number in (0, 2, 4, 5)]
    for watch in watched:
        debugged.target.insert_watch(watch)
    told: dict[Watch, tuple[int, Accessed]] = {}
    while not (stop := debugged.go()).ended:
        accessed = stop.reason(Accessed)
        assert accessed is not None and accessed.watch not in told
        told[accessed.watch] = (stop.thread, accessed)
    assert list(told) and set(told) == set(watched) and len({thread for thread, _ in told.values()}) == 4
    for number, watch in zip((0, 2, 4, 5), watched):
        accessed = told[watch][1]
        assert (accessed.before, accessed.after) == (bytes(8), (number + 1).to_bytes(8, "little"))


def test_a_step_is_the_current_thread_s_and_the_others_run(start: Callable[..., Debugged]) -> None:
    debugged = start("spin")
    debugged.until("alive", THREADS)
    target = debugged.target
    assert len(target.threads()) == THREADS + 1 and target.threads()[0] == target.pid
    for thread in target.threads()[1:]:
        target.select_thread(thread)
        before, places = debugged.number("turns"), set[int]()
        while debugged.number("turns") == before or len(places) < 2:
            assert debugged.go(Resume(step=True)) == Stop((Stepped(),), thread)
            places.add(debugged.pc())


def test_alone_the_others_stay_where_they_are(start: Callable[..., Debugged]) -> None:
    debugged = start("spin")
    debugged.until("alive", THREADS)
    target = debugged.target
    mine = target.threads()[2]

    def others() -> dict[int, bytes]:
        found = {}
        for thread in target.threads():
            target.select_thread(thread)
            found[thread] = target.read_bank(Bank.GENERAL)
        target.select_thread(mine)
        del found[mine]
        return found

    before = others()
    for _ in range(20):
        assert debugged.go(Resume(step=True, alone=True)) == Stop((Stepped(),), mine)
    timer = threading.Timer(0.05, target.interrupt)
    timer.start()
    assert debugged.go(Resume(alone=True)) == Stop((Signalled(signal.SIGINT),), mine)
    timer.join()
    assert others() == before


def test_the_thread_that_ran_alone_ends(start: Callable[..., Debugged]) -> None:
    debugged = start("visit")
    debugged.to("visit")
    stop = debugged.go(Resume(alone=True))
    assert stop.reasons == (RunnerEnded(),) and stop.thread in debugged.target.threads()
    assert debugged.go().reasons == (Exited(7),)


@pytest.mark.parametrize("alone", (False, True))
def test_the_leader_ends_and_the_process_goes_on(alone: bool, start: Callable[..., Debugged]) -> None:
    debugged = start("orphan")
    target, visit = debugged.target, debugged.symbols["visit"]
    target.insert_breakpoint(visit)
    assert debugged.go() == Stop((AtBreakpoint(visit),), target.pid)
    orphan = target.threads()[1]
    if alone:
        assert debugged.go(Resume(alone=True)) == Stop((RunnerEnded(),), orphan)
        assert target.threads() == [orphan]
    assert debugged.go() == Stop((AtBreakpoint(visit),), orphan)
    assert any(mapping.name == "[stack]" for mapping in target.mappings())
    assert debugged.go().reasons == (Exited(9),)
    assert {each.thread for each in debugged.told if isinstance(each, ThreadExited)} == {target.pid, orphan}


@pytest.mark.parametrize("alone", (False, True))
def test_exec_from_a_thread_that_is_not_the_leader(alone: bool, start: Callable[..., Debugged]) -> None:
    other = program("record_ends.c")
    debugged = start("exec", str(other))
    debugged.to("visit")
    target = debugged.target
    pid, before = target.pid, target.threads()
    assert target.thread == before[-1]
    stop = debugged.go(Resume(alone=alone))
    assert stop == Stop((Executed(str(other)),), pid)
    assert target.threads() == [pid] == procfs.threads(pid) and target.thread == pid
    assert {each.thread for each in debugged.told if isinstance(each, ThreadExited)} == set(before[1:-1])
    assert debugged.go().reasons == (Exited(41),)


@pytest.mark.parametrize("alone", (False, True))
def test_one_thread_ends_all(alone: bool, start: Callable[..., Debugged]) -> None:
    debugged = start("exit")
    debugged.to("visit")
    assert debugged.go(Resume(alone=alone)).reasons == (Exited(23),)
    assert debugged.target.threads() == []


@pytest.mark.parametrize("mode", ("spin", "sleep", "breed", "visit"))
@pytest.mark.parametrize("running", (False, True))
def test_killed_by_somebody_else(mode: str, running: bool, start: Callable[..., Debugged]) -> None:
    debugged = start(mode)
    pid = debugged.target.pid
    debugged.target.insert_breakpoint(debugged.symbols["visit"])
    if mode == "visit":
        debugged.go()
        debugged.target.remove_breakpoint(debugged.symbols["visit"])
        debugged.target.insert_breakpoint(debugged.symbols["nothing"])
        running = False
    elif mode != "breed":
        debugged.until("alive", THREADS)
    killer = threading.Timer(0.1 if running else 0, os.kill, (pid, signal.SIGKILL))
    killer.start()
    if not running:
        killer.join()
    assert debugged.go().reasons == (Killed(signal.SIGKILL),)
    killer.join()


@pytest.mark.parametrize("mode", ("spin", "sleep", "breed", "sleep-block", "sleep-ignore", "spin-block", "breed-ignore"))
def test_an_interrupt_always_comes_through(mode: str, start: Callable[..., Debugged]) -> None:
    """From another thread of ours, and as from a signal handler; whatever the program does with SIGINT."""
    debugged = start(mode)
    target = debugged.target
    for number in range(12):
        if number % 2:
            timer = threading.Timer(0.005 * number, target.interrupt)
            timer.start()
        else:
            previous = signal.signal(signal.SIGALRM, lambda number, frame: target.interrupt())
            signal.setitimer(signal.ITIMER_REAL, 0.005 * number + 0.001)
        stop = debugged.go()
        if number % 2:
            timer.join()
        else:
            signal.signal(signal.SIGALRM, previous)
        assert stop == Stop((Signalled(signal.SIGINT),), target.pid)
        assert all(procfs.thread_state(target.pid, thread) == "t" for thread in procfs.threads(target.pid))
        assert procfs.threads(target.pid) == sorted(target.threads())


def test_forks_and_vforks_from_many_threads(start: Callable[..., Debugged]) -> None:
    debugged = start("fork")
    debugged.target.pass_silently([signal.SIGCHLD])
    debugged.target.insert_breakpoint(debugged.symbols["visit"])
    hits: Counter[int] = Counter()
    while not (stop := debugged.go()).ended:
        assert stop.reason(AtBreakpoint) == AtBreakpoint(debugged.symbols["visit"])
        hits[stop.thread] += 1
    assert stop.reasons == (Exited(7),), "no child has met a trap"
    assert list(hits.values()) == [VISITS] * THREADS
    born = Counter(each.how for each in debugged.told if isinstance(each, Forked))
    assert born == {"fork": VISITS * THREADS // 2, "vfork": VISITS * THREADS // 2}


def goes_until(debugged: Debugged, action: Callable[[], None], signal: int = 0) -> Stop:
    """The program goes on, with a signal, and something is done while it runs."""
    timer = threading.Timer(0.05, action)
    timer.start()
    stop = debugged.go(Resume(signal=signal))
    timer.join()
    return stop


def test_job_control(start: Callable[..., Debugged]) -> None:
    """The program goes on from a stop that was told; one that passes silently lasts until SIGCONT, and can be interrupted."""
    debugged = start("spin")
    debugged.until("alive", THREADS)
    pid = debugged.target.pid

    os.kill(pid, signal.SIGTSTP)
    stop = debugged.go()
    assert isinstance(stop.reasons[0], Signalled) and stop.reasons[0].number == signal.SIGTSTP
    before = debugged.number("turns")
    while debugged.number("turns") == before:
        assert goes_until(debugged, debugged.target.interrupt, signal.SIGTSTP).reasons == (Signalled(signal.SIGINT),)
    debugged.target.pass_silently((signal.SIGTSTP,))
    os.kill(pid, signal.SIGTSTP)
    assert goes_until(debugged, debugged.target.interrupt).reasons == (Signalled(signal.SIGINT),)
    before = debugged.number("turns")
    for _ in range(3):
        assert goes_until(debugged, debugged.target.interrupt).reasons == (Signalled(signal.SIGINT),)
    assert debugged.number("turns") == before
    stop = goes_until(debugged, lambda: os.kill(pid, signal.SIGCONT))
    assert isinstance(stop.reasons[0], Signalled) and stop.reasons[0].number == signal.SIGCONT
    while debugged.number("turns") == before:
        goes_until(debugged, debugged.target.interrupt)


@contextlib.contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The program, running on its own, with threads; killed afterwards if it has not ended."""
    path = program(PROGRAM, "-O0", "-g", "-pthread")
    with subprocess.Popen([path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            while len(procfs.threads(process.pid)) == 1:
                time.sleep(0.001)  # it may not have told yet that it was executed
            yield process
        finally:
            process.kill()


def attached(pid: int) -> Debugged:
    path = program(PROGRAM, "-O0", "-g", "-pthread")
    found, statuses = threads.attach(pid)
    base = next(mapping.start for mapping in procfs.mappings(pid) if mapping.name == str(path))
    return Debugged(NativeTarget(pid, ARCH, Terminal(), True, found, statuses), path, base)


def test_attach_and_detach_while_threads_come_and_go() -> None:
    with running("breed", "read") as other:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        for number in range(10):
            debugged = attached(other.pid)
            target = debugged.target
            assert sorted(target.threads()) == procfs.threads(other.pid)
            target.insert_breakpoint(debugged.symbols["nothing"])
            target.insert_watch(Watch(debugged.symbols["stop"], 4, WatchKind.WRITE))
            for _ in range(number):
                assert debugged.go().reason(AtBreakpoint)
            target.detach()
            target.close()
            assert procfs.status(other.pid)["TracerPid"] == "0"
        other.communicate("\n")
        assert other.returncode == 7


def test_what_was_about_to_be_told_is_redelivered_when_let_go() -> None:
    with running("sleep") as other:
        debugged = attached(other.pid)
        debugged.until("alive", THREADS)
        workers = debugged.target.threads()[1:]
        for thread in workers:
            threads.send(other.pid, thread, signal.SIGUSR1)
        stop = debugged.go()
        assert isinstance(stop.reasons[0], Signalled)
        memory = ptrace.Memory(other.pid)
        debugged.target.detach(signal.SIGUSR1)
        while int.from_bytes(memory.read(debugged.symbols["handled"], 8), "little") < THREADS:
            time.sleep(0.01)
        memory.close()
        debugged.target.close()


def test_a_process_that_was_stopped_stays_so_when_let_go() -> None:
    with running("spin") as other:
        os.kill(other.pid, signal.SIGSTOP)
        while procfs.thread_state(other.pid, other.pid) != "T":
            time.sleep(0.01)
        debugged = attached(other.pid)
        assert debugged.go().reasons == (Signalled(signal.SIGSTOP),), "as gdb tells it"
        before = debugged.number("turns")
        while debugged.number("turns") == before:
            stop = goes_until(debugged, debugged.target.interrupt, signal.SIGSTOP)
            assert stop.reasons == (Signalled(signal.SIGINT),)
        debugged.target.detach()
        debugged.target.close()
        while {procfs.thread_state(other.pid, thread) for thread in procfs.threads(other.pid)} != {"T"}:
            time.sleep(0.01)


def test_other_children_of_ours_keep_their_statuses(start: Callable[..., Debugged]) -> None:
    """Whoever else is a child of this process, dead or alive, traced or not, is left for whoever waits for it."""
    dead = subprocess.Popen(["true"])
    stopped = subprocess.Popen(["sleep", "60"])
    os.kill(stopped.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    first, second = start("visit"), start("raise")
    first.target.insert_breakpoint(first.symbols["visit"])
    hits = 0
    while not (stop := first.go()).ended:
        hits += 1
        if hits < 20:
            assert second.go().reason(Signalled)
    assert (hits, stop.reasons) == (THREADS * VISITS, (Exited(7),))
    assert dead.wait() == 0
    assert os.waitpid(stopped.pid, os.WUNTRACED)[1] >> 8 == signal.SIGSTOP
    stopped.kill()
    assert stopped.wait() == -signal.SIGKILL
