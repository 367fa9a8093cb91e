/* Signals: a handler on the ordinary stack and one on its own, and a return from each. */

#include <signal.h>
#include <stdlib.h>

static volatile sig_atomic_t caught;
static char other_stack[1 << 16];

static void handle(int number)
{
    caught = caught * 100 + number;
}

int main(void)
{
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    struct sigaction action = {.sa_handler = handle};

    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    sigaltstack(&stack, NULL);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    raise(SIGUSR1);
    return caught == 101210 ? 0 : 1;
}
