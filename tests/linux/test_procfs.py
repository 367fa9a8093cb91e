"""What /proc tells about a process whose first thread has ended."""

from __future__ import annotations

import subprocess
import sys
import time

from rdb.linux import procfs

LEFT_BY_ITS_LEADER = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_the_address_space_is_there_as_long_as_any_thread() -> None:
    with subprocess.Popen([sys.executable, "-c", LEFT_BY_ITS_LEADER]) as process:
        try:
            while procfs.thread_state(process.pid, process.pid) != "Z":
                time.sleep(0.01)
            assert procfs.mappings(process.pid) == []
            (other,) = (thread for thread in procfs.threads(process.pid) if thread != process.pid)
            assert procfs.process_of(other) == process.pid
            assert procfs.address_space(process.pid) == procfs.mappings(other) != []
        finally:
            process.kill()
