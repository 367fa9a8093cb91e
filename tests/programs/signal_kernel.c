/* Signals that come from the kernel: of children, of job control, through descriptors, by the trap flag.  The first argument says
   which, the second how often.  Exits with 0 if all was as POSIX and the kernel's manual have it. */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CHECK(condition) do { if (!(condition)) _exit(__LINE__ % 250 + 1); } while (0)

static volatile sig_atomic_t caught, reaped, statuses;

static void set(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void count(int number)
{
    (void)number;
    caught++;
}

/* Children that end at the same time: there are fewer signals than children. */

static void reap(int number)
{
    int status, before = errno;

    (void)number;
    caught++;
    while (waitpid(-1, &status, WNOHANG) > 0) {
        CHECK(WIFEXITED(status));
        reaped++;
        statuses += WEXITSTATUS(status);
    }
    errno = before;
}

static void children(int times)
{
    sigset_t child, none;
    int sum = 0;

    sigemptyset(&none);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    set(SIGCHLD, reap, SA_RESTART);
    for (int number = 0; number < times; number++) {
        pid_t pid = fork();

        CHECK(pid >= 0);
        if (pid == 0)
            _exit(number % 100);
        sum += number % 100;
    }
    CHECK(sigprocmask(SIG_BLOCK, &child, NULL) == 0);
    while (reaped < times)
        sigsuspend(&none);
    CHECK(statuses == sum && caught >= 1);
}

/* Signals and the clock read from descriptors. */

static void descriptors(int times)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct itimerspec often = {.it_interval = {.tv_nsec = 2000000}, .it_value = {.tv_nsec = 2000000}};
    struct signalfd_siginfo info[2];
    uint64_t expired, ticks = 0;
    sigset_t some;
    int signals, timer, poller = epoll_create1(0), got = 0, sum = 0;

    sigemptyset(&some);
    sigaddset(&some, SIGRTMIN);
    CHECK(sigprocmask(SIG_BLOCK, &some, NULL) == 0);
    signals = signalfd(-1, &some, SFD_NONBLOCK);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    CHECK(signals >= 0 && timer >= 0 && poller >= 0);
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, event.data.fd = signals, &event) == 0);
    CHECK(epoll_ctl(poller, EPOLL_CTL_ADD, event.data.fd = timer, &event) == 0);
    CHECK(timerfd_settime(timer, 0, &often, NULL) == 0);
    while (ticks < (uint64_t)times || got < times) {
        CHECK(epoll_wait(poller, &event, 1, 10000) == 1);
        if (event.data.fd == timer) {
            union sigval value = {.sival_int = got};

            CHECK(read(timer, &expired, sizeof expired) == sizeof expired && expired > 0);
            ticks += expired;
            CHECK(sigqueue(getpid(), SIGRTMIN, value) == 0);
        } else {
            ssize_t size = read(signals, info, sizeof info);

            CHECK(size > 0 && size % sizeof *info == 0);
            for (size_t at = 0; at < size / sizeof *info; at++) {
                CHECK(info[at].ssi_signo == (uint32_t)SIGRTMIN && info[at].ssi_code == SI_QUEUE);
                got++;
                sum += info[at].ssi_int;
            }
        }
    }
    CHECK(sum >= 0 && read(signals, info, sizeof info) != 0);
}

/* A program that stops itself; its child has it go on until it says that it has. */

static void stopping(int times)
{
    static const int STOPS[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    int ends[2], status;
    pid_t parent = getpid(), child;

    CHECK(pipe(ends) == 0);
    set(SIGCONT, count, SA_RESTART);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct pollfd over = {.fd = ends[0], .events = POLLIN};

        CHECK(close(ends[1]) == 0);
        while (poll(&over, 1, 20) == 0)
            CHECK(kill(parent, SIGCONT) == 0);
        _exit(7);
    }
    for (int round = 0; round < times; round++)
        CHECK(raise(STOPS[round % 4]) == 0);
    while (caught == 0)
        pause();
    set(SIGTSTP, reap, 0);
    caught = 0;
    CHECK(raise(SIGTSTP) == 0 && caught >= 1);
    CHECK(close(ends[1]) == 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 7);
}

/* A program that steps itself. */

#if defined __x86_64__
#define SET_TRAP_FLAG "pushf; orq $0x100,(%%rsp); popf; "
#define CLEAR_TRAP_FLAG "pushf; andq $~0x100,(%%rsp); popf; "
#define PLACE 16 /* REG_RIP */
#else
#define SET_TRAP_FLAG "pushf; orl $0x100,(%%esp); popf; "
#define CLEAR_TRAP_FLAG "pushf; andl $~0x100,(%%esp); popf; "
#define PLACE 14 /* REG_EIP */
#endif

static long places[16];

static void step(int number, siginfo_t *info, void *context)
{
    long *registers = (long *)((ucontext_t *)context)->uc_mcontext.gregs;

    (void)number;
    CHECK(info->si_code == TRAP_TRACE && (long)info->si_addr == registers[PLACE]);
    places[caught++ % 16] = registers[PLACE];
}

static void traced(int times)
{
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};

    CHECK(sigaction(SIGTRAP, &action, NULL) == 0);
    for (int round = 0; round < times; round++) {
        int sum = round;

        caught = 0;
        __asm__ volatile(
            SET_TRAP_FLAG "nop; addl $3,%0; call 1f; jmp 2f; 1: ret; 2: " CLEAR_TRAP_FLAG "nop" : "+r"(sum) : : "memory", "cc");
        CHECK(sum == round + 3 && caught == 8);
        /* in front of the addition, the call, the return of one byte, the jump, and behind the return */
        CHECK(places[0] < places[1] && places[1] < places[3] && places[3] < places[2] && places[4] == places[2] + 1);
    }
}

static const struct { const char *name; void (*run)(int); } ALL[] = {
    {"children", children}, {"descriptors", descriptors}, {"stopping", stopping}, {"traced", traced},
};

int main(int arguments, char **argument)
{
    for (size_t at = 0; at < sizeof ALL / sizeof *ALL; at++)
        if (arguments > 2 && strcmp(ALL[at].name, argument[1]) == 0) {
            ALL[at].run(atoi(argument[2]));
            return 0;
        }
    return 255;
}
