/* Handlers that are taken away when they are entered, and that do not block their signal, with a marker between any two changes.
   Exits with 0 if each came as often as it should. */

#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t caught, traps, depth;

void marker(void)
{
}

static void once(int number)
{
    (void)number;
    caught++;
    marker();
}

static void again(int number)
{
    struct sigaction action = {.sa_handler = again, .sa_flags = SA_RESETHAND | SA_NODEFER};

    caught++;
    marker();
    if (depth++ == 0) {
        sigaction(number, &action, NULL);
        raise(number); /* at once, in this handler */
        marker();
    }
}

static void trap(int number)
{
    (void)number;
    traps++;
    marker();
}

int main(void)
{
    struct sigaction action = {.sa_handler = once, .sa_flags = SA_RESETHAND}, now;

    sigaddset(&action.sa_mask, SIGHUP);
    sigaction(SIGUSR1, &action, NULL);
    marker();
    raise(SIGUSR1);
    marker();
    action.sa_handler = again;
    action.sa_flags |= SA_NODEFER;
    sigaction(SIGUSR2, &action, NULL);
    marker();
    raise(SIGUSR2);
    marker();
    action.sa_handler = trap;
    sigaction(SIGTRAP, &action, NULL);
    marker();
    raise(SIGTRAP);
    marker();
    if (sigaction(SIGTRAP, NULL, &now) != 0 || now.sa_handler != SIG_DFL)
        return 2;
    return caught == 3 && traps == 1 ? 0 : 1;
}
