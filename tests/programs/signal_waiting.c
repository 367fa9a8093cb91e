/* Waiting for signals, sending them, and system calls that they interrupt: which, the argument says.  Exits with 0 if all is well. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition) do { if (!(condition)) _exit(__LINE__ % 250 + 1); } while (0)

static volatile sig_atomic_t caught, last_value;

static void count(int number, siginfo_t *info, void *context)
{
    caught++;
    if (info->si_code == SI_QUEUE || info->si_code == SI_TIMER)
        last_value = last_value * 10 + info->si_value.sival_int;
}

static void set(int number, int flags)
{
    struct sigaction action = {.sa_sigaction = count, .sa_flags = flags | SA_SIGINFO};
    CHECK(sigaction(number, &action, NULL) == 0);
}

static sigset_t only(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

static void alarm_in(long microseconds)
{
    struct itimerval timer = {.it_value = {.tv_usec = microseconds}};
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

/* Blocked, pending, and waited for. */

static void pending(void)
{
    sigset_t usr1 = only(SIGUSR1), now;

    set(SIGUSR1, 0);
    CHECK(sigprocmask(SIG_BLOCK, &usr1, NULL) == 0);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK(caught == 0 && sigpending(&now) == 0 && sigismember(&now, SIGUSR1));
    CHECK(sigprocmask(SIG_UNBLOCK, &usr1, NULL) == 0);
    CHECK(caught == 1 && sigpending(&now) == 0 && !sigismember(&now, SIGUSR1));
}

static void suspended(void)
{
    sigset_t usr1 = only(SIGUSR1), none, now;

    sigemptyset(&none);
    sigaddset(&usr1, SIGALRM);
    set(SIGUSR1, 0);
    set(SIGALRM, 0);
    CHECK(sigprocmask(SIG_BLOCK, &usr1, NULL) == 0);
    raise(SIGUSR1);
    CHECK(sigsuspend(&none) < 0 && errno == EINTR && caught == 1);
    alarm_in(30000);
    CHECK(sigsuspend(&none) < 0 && errno == EINTR && caught == 2);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1) && sigismember(&now, SIGALRM));
}

static void waited(void)
{
    sigset_t usr1 = only(SIGUSR1);
    siginfo_t info;
    struct timespec soon = {.tv_nsec = 20000000};
    union sigval value = {.sival_int = 5};
    int number;

    sigaddset(&usr1, SIGRTMIN + 1);
    CHECK(sigprocmask(SIG_BLOCK, &usr1, NULL) == 0);
    raise(SIGUSR1);
    CHECK(sigwait(&usr1, &number) == 0 && number == SIGUSR1);
    CHECK(sigqueue(getpid(), SIGRTMIN + 1, value) == 0);
    CHECK(sigwaitinfo(&usr1, &info) == SIGRTMIN + 1 && info.si_value.sival_int == 5);
    CHECK(sigtimedwait(&usr1, &info, &soon) < 0 && errno == EAGAIN);
}

static void descriptor(void)
{
    sigset_t usr2 = only(SIGUSR2);
    struct signalfd_siginfo info[2];
    int file;

    CHECK(sigprocmask(SIG_BLOCK, &usr2, NULL) == 0);
    file = signalfd(-1, &usr2, 0);
    CHECK(file >= 0);
    raise(SIGUSR2);
    CHECK(read(file, info, sizeof info) == sizeof *info && info->ssi_signo == SIGUSR2);
}

static void queued(void)
{
    sigset_t some = only(SIGRTMIN);
    int number;

    sigaddset(&some, SIGRTMIN + 3);
    set(SIGRTMIN, SA_RESTART);
    set(SIGRTMIN + 3, SA_RESTART);
    CHECK(sigprocmask(SIG_BLOCK, &some, NULL) == 0);
    for (number = 1; number < 6; number++) {
        union sigval value = {.sival_int = number};
        CHECK(sigqueue(getpid(), number & 1 ? SIGRTMIN + 3 : SIGRTMIN, value) == 0);
    }
    CHECK(sigprocmask(SIG_UNBLOCK, &some, NULL) == 0);
    CHECK(caught == 5 && last_value == 13524); /* the first handlers to be entered are the last to run */
}

/* Timers. */

static void timers(void)
{
    struct itimerval often = {.it_interval = {.tv_usec = 10000}, .it_value = {.tv_usec = 10000}}, none = {0};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value = {.sival_int = 7}};
    struct itimerspec once = {.it_value = {.tv_nsec = 1000000}};
    timer_t timer;

    set(SIGALRM, SA_RESTART);
    set(SIGRTMIN, SA_RESTART);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (caught < 5)
        pause();
    CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &once, NULL) == 0);
    while (last_value != 7)
        pause();
    CHECK(timer_delete(timer) == 0);
}

/* System calls that are interrupted, and begin again or do not. */

static void interrupted(void)
{
    char byte;
    int ends[2];
    struct pollfd wanted;
    fd_set set_of_one;

    set(SIGALRM, 0);
    CHECK(pipe(ends) == 0);
    alarm_in(30000);
    CHECK(read(ends[0], &byte, 1) < 0 && errno == EINTR && caught == 1);
    wanted = (struct pollfd){.fd = ends[0], .events = POLLIN};
    alarm_in(30000);
    CHECK(poll(&wanted, 1, 5000) < 0 && errno == EINTR && caught == 2);
    FD_ZERO(&set_of_one);
    FD_SET(ends[0], &set_of_one);
    alarm_in(30000);
    CHECK(select(ends[0] + 1, &set_of_one, NULL, NULL, &(struct timeval){.tv_sec = 5}) < 0 && errno == EINTR);
    alarm_in(30000);
    CHECK(pause() < 0 && errno == EINTR && caught == 4);
}

static int feed;

static void write_byte(int number)
{
    caught++;
    CHECK(write(feed, "x", 1) == 1);
}

static void restarted(void)
{
    struct sigaction action = {.sa_handler = write_byte, .sa_flags = SA_RESTART};
    char byte = 0;
    int ends[2], status;
    pid_t child;

    CHECK(pipe(ends) == 0);
    feed = ends[1];
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    alarm_in(30000);
    CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x' && caught == 1);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        _exit(read(ends[0], &byte, 1) == 1 ? 3 : 4);
    alarm_in(30000);
    CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3 && caught == 2);
}

/* What is left of a sleep, and a sleep that goes on because nobody handles the signal. */

static void slept(void)
{
    struct timespec long_time = {.tv_sec = 5}, left = {0}, start, end;
    struct itimerval often = {.it_interval = {.tv_usec = 30000}, .it_value = {.tv_usec = 30000}};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    set(SIGALRM, SA_RESTART);
    /* Again and again: the first may come before the sleep. */
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    CHECK(nanosleep(&long_time, &left) < 0 && errno == EINTR && left.tv_sec == 4 && left.tv_nsec > 0);
    CHECK(sigaction(SIGALRM, &ignore, NULL) == 0);
    alarm_in(20000);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &start) == 0);
    CHECK(nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    CHECK((end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec >= 60000000L);
}

/* A write that gets no further than the pipe is large. */

static void partial(void)
{
    static char block[1 << 13];
    int ends[2];

    set(SIGALRM, SA_RESTART);
    CHECK(pipe(ends) == 0);
    CHECK(fcntl(ends[1], F_SETPIPE_SZ, 4096) == 4096);
    alarm_in(30000);
    CHECK(write(ends[1], block, sizeof block) == 4096 && caught == 1);
    CHECK(read(ends[0], block, 100) == 100);
}

/* Children that stop, go on and end. */

static void children(void)
{
    siginfo_t info;
    pid_t child;
    int status;

    set(SIGCHLD, SA_RESTART);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        raise(SIGSTOP);
        _exit(7);
    }
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK(kill(child, SIGCONT) == 0);
    CHECK(waitid(P_PID, child, &info, WEXITED) == 0 && info.si_code == CLD_EXITED && info.si_status == 7);
    CHECK(caught >= 1);
}

/* Signals that stop a program, and what makes it go on. */

static void stopped(void)
{
    struct sigaction normal = {.sa_handler = SIG_DFL};

    CHECK(sigaction(SIGTSTP, &normal, NULL) == 0);
    set(SIGCONT, 0);
    raise(SIGCONT);
    CHECK(caught == 1);
    set(SIGTSTP, 0);
    raise(SIGTSTP);
    set(SIGTTIN, 0);
    raise(SIGTTIN);
    CHECK(caught == 3);
}

/* Many of them, at any moment, in the middle of computing and of copying; each is asked for when the one before has come. */

static void storm(void)
{
    static char from[1 << 12], to[1 << 12];
    unsigned long sum = 0, round;
    int seen = 0;

    set(SIGALRM, SA_RESTART);
    alarm_in(1000);
    for (round = 0; caught < 20; round++) {
        size_t size = sizeof from;
        char *source = from, *target = to;

        from[round % sizeof from]++;
        __asm__ volatile("rep movsb" : "+D"(target), "+S"(source), "+c"(size) : : "memory");
        sum += (unsigned char)to[round % sizeof to];
        if (seen != caught) {
            seen = caught;
            alarm_in(1 + 977 * seen % 1500);
        }
    }
    CHECK(sum >= round);
}

static const struct { const char *name; void (*run)(void); } ALL[] = {
    {"pending", pending}, {"suspended", suspended}, {"waited", waited}, {"descriptor", descriptor}, {"queued", queued},
    {"timers", timers}, {"interrupted", interrupted}, {"restarted", restarted}, {"slept", slept}, {"partial", partial},
    {"children", children}, {"stopped", stopped}, {"storm", storm},
};

int main(int count, char **arguments)
{
    for (size_t at = 0; at < sizeof ALL / sizeof *ALL; at++)
        if (count > 1 && strcmp(ALL[at].name, arguments[1]) == 0) {
            ALL[at].run();
            return 0;
        }
    return 255;
}
