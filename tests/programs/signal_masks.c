/* Waiting with another mask (sigsuspend, ppoll, pselect, epoll_pwait) while a timer ticks: the handler must run with the mask of the
   wait, what it returns to must have the program's, and what it is told of the signal must be what the kernel said.
   Exits with 0 if all was so; the argument says whether the tick is blocked outside of the waits. */

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define CHECK(condition) do { if (!(condition)) _exit(__LINE__ % 250 + 1); } while (0)

static volatile sig_atomic_t caught, waited, over; /* over: this wait has been interrupted */
static sigset_t own, waiting;

static sigset_t with(sigset_t set, int one, int other)
{
    sigaddset(&set, one);
    sigaddset(&set, other);
    return set;
}

static int same(sigset_t left, sigset_t right)
{
    for (int number = 1; number < 32; number++)
        if (sigismember(&left, number) != sigismember(&right, number))
            return 0;
    return 1;
}

static void tick(int number, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;
    /* REG_RAX, REG_EAX: a tick right behind the first one finds the same there, but comes after the wait. */
    int in_wait = !over && (int)interrupted->uc_mcontext.gregs[sizeof(long) == 8 ? 13 : 11] == -EINTR;
    sigset_t now;

    over |= in_wait;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
    CHECK(same(now, with(in_wait ? waiting : own, SIGALRM, SIGUSR2)));
    CHECK(same(interrupted->uc_sigmask, own));
    CHECK(info->si_signo == SIGALRM && info->si_code == SI_KERNEL);
    caught++;
    waited += in_wait;
}

static void wait_in(int way)
{
    struct timespec long_time = {.tv_sec = 100};
    struct epoll_event event;
    struct pollfd none = {.fd = -1};
    int poller;

    over = 0;
    switch (way) {
    case 0:
        CHECK(sigsuspend(&waiting) < 0);
        break;
    case 1:
        CHECK(ppoll(&none, 1, &long_time, &waiting) < 0);
        break;
    case 2:
        CHECK(pselect(0, NULL, NULL, NULL, &long_time, &waiting) < 0);
        break;
    default:
        poller = epoll_create1(0);
        CHECK(poller >= 0 && epoll_pwait(poller, &event, 1, 100000, &waiting) < 0);
        CHECK(errno == EINTR && close(poller) == 0);
        return;
    }
    CHECK(errno == EINTR);
}

static void round_over(void)
{
    sigset_t now;

    CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && same(now, own));
}

int main(int count, char **arguments)
{
    struct sigaction action = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO};
    struct itimerval often = {.it_interval = {.tv_usec = 5000}, .it_value = {.tv_usec = 5000}};

    (void)arguments;
    sigemptyset(&own);
    sigaddset(&own, SIGUSR1);
    if (count > 1)
        sigaddset(&own, SIGALRM);
    sigemptyset(&waiting);
    sigaddset(&waiting, SIGHUP);
    sigaddset(&action.sa_mask, SIGUSR2);
    CHECK(sigprocmask(SIG_SETMASK, &own, NULL) == 0 && sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    for (int round = 0; round < 8; round++) {
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        CHECK(page != MAP_FAILED);
        *page = 1;
        wait_in(round % 4);
        round_over();
        CHECK(munmap(page, 4096) == 0);
    }
    CHECK(waited >= 8);
    return 0;
}
