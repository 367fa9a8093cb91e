/* Timers that fire faster than their handlers run under recording, while main does what the argument says. */

#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition) do { if (!(condition)) _exit(__LINE__ % 250 + 1); } while (0)

volatile long handled, steps, wanted = 4000;
static sigjmp_buf before;

/* Some thousand instructions: many periods. */
static void linger(int number)
{
    for (volatile int i = 0; i < 1500; i++)
        ;
    handled++;
}

static void jump(int number)
{
    linger(number);
    siglongjmp(before, 1);
}

static void every_millisecond(int number, int which, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 1000}, {0, 1000}};

    CHECK(sigaction(number, &action, NULL) == 0);
    CHECK(setitimer(which, &often, NULL) == 0);
}

static void computing(void)
{
    for (steps = 0; steps < wanted; steps++)
        ;
}

static void calling(void)
{
    int ends[2];
    char byte = 1;

    CHECK(pipe(ends) == 0);
    for (steps = 0; steps < 20; steps++)
        CHECK(write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1);
}

/* Waits that end with a signal do end, and the others go on. */
static void sleeping(void)
{
    struct timespec soon = {.tv_nsec = 500000};
    sigset_t none, alarm;

    for (steps = 0; steps < 5; steps++)
        CHECK(pause() < 0 && errno == EINTR);
    while (nanosleep(&soon, &soon) < 0)
        CHECK(errno == EINTR);
    sigemptyset(&none);
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    CHECK(sigprocmask(SIG_BLOCK, &alarm, NULL) == 0);
    for (; steps < 10; steps++)
        CHECK(sigsuspend(&none) < 0 && errno == EINTR);
    for (; steps < 15; steps++)
        CHECK(sigwaitinfo(&alarm, NULL) == SIGALRM);
    CHECK(sigprocmask(SIG_BLOCK, NULL, &none) == 0);
    CHECK(sigismember(&none, SIGALRM) && !sigismember(&none, SIGPROF) && !sigismember(&none, SIGVTALRM));
}

/* Children and the mask that they have. */
static void forking(void)
{
    int status;

    for (steps = 0; steps < 5; steps++) {
        pid_t child = fork();
        if (child == 0) {
            sigset_t now;
            _exit(sigprocmask(SIG_BLOCK, NULL, &now) || sigismember(&now, SIGALRM) || sigismember(&now, SIGCHLD));
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    }
}

/* Handlers that do not return; what is sent has been handled when the call returns. */
static void jumping(void)
{
    for (steps = 0; steps < 5; steps++)
        if (!sigsetjmp(before, 1)) {
            every_millisecond(SIGALRM, ITIMER_REAL, jump);
            for (;;)
                ;
        }
}

static void raising(void)
{
    for (steps = 0; steps < 10; steps++) {
        long already = handled;
        CHECK(raise(SIGALRM) == 0 && handled > already);
    }
}

int main(int count, char **arguments)
{
    const struct { const char *name; void (*run)(void), (*handler)(int); } all[] = {
        {"computing", computing, linger}, {"calling", calling, linger}, {"sleeping", sleeping, linger},
        {"forking", forking, linger}, {"jumping", jumping, SIG_IGN}, {"raising", raising, linger},
    };

    if (count > 2)
        wanted = atol(arguments[2]);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (count > 1 && !strcmp(arguments[1], all[i].name)) {
            struct itimerval none = {0};
            every_millisecond(SIGALRM, ITIMER_REAL, all[i].handler);
            all[i].run();
            CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0);
            return 0;
        }
    return 1;
}
