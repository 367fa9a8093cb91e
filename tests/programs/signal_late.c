/* Blocks SIGINT until it is told to go on, and runs for ever then. */
#include <signal.h>
#include <unistd.h>

volatile int told;

int main(void)
{
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, NULL);
    while (!told)
        ;
    sigprocmask(SIG_UNBLOCK, &interrupt, NULL);
    write(1, "unblocked\n", 10);
    for (;;)
        ;
}
