/* Changes of what the kernel keeps for signals, with a marker between any two. */

#include <signal.h>
#include <stdlib.h>

static char other_stack[1 << 16];
static volatile sig_atomic_t caught, in_handler;

void marker(void)
{
}

static void handle(int number)
{
    in_handler = number;
    marker();
    caught++;
    in_handler = 0;
}

int main(void)
{
    stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    sigset_t some;

    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    marker();
    sigprocmask(SIG_BLOCK, &some, NULL);
    marker();
    sigaltstack(&stack, NULL);
    marker();
    raise(SIGUSR1);
    marker();
    sigprocmask(SIG_UNBLOCK, &some, NULL);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    marker();
    return caught == 1 ? 0 : 1;
}
