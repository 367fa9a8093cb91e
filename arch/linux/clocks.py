"""Calls on clocks and timers."""

from __future__ import annotations

from rdb.arch.linux.terms import Table, out, rows

CLOCKS: Table = {
    "time": out(0, "time_t"),
    "gettimeofday": out(0, "timeval") + out(1, 8),
    **rows("clock_gettime clock_getres", out(1, "timespec")),
    **rows("clock_gettime64 clock_getres_time64", out(1, "timespec64")),
    "adjtimex": out(0, "timex"),
    "clock_adjtime": out(1, "timex"),
    "clock_adjtime64": out(1, "timex64"),
    # What is left of the sleep when a signal ends it
    "nanosleep": out(1, "timespec"),
    "clock_nanosleep": out(3, "timespec"),
    "clock_nanosleep_time64": out(3, "timespec64"),
    "getitimer": out(1, "itimerval"),
    "setitimer": out(2, "itimerval"),
    "timer_create": out(2, 4),
    "timer_gettime": out(1, "itimerspec"),
    "timer_gettime64": out(1, "itimerspec64"),
    "timer_settime": out(3, "itimerspec"),
    "timer_settime64": out(3, "itimerspec64"),
    "timerfd_gettime": out(1, "itimerspec"),
    "timerfd_gettime64": out(1, "itimerspec64"),
    "timerfd_settime": out(3, "itimerspec"),
    "timerfd_settime64": out(3, "itimerspec64"),
    **rows("alarm settimeofday clock_settime clock_settime64 stime timer_delete timer_getoverrun timerfd_create"),
}
