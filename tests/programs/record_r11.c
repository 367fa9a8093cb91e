/* A signal handler gives r11 a value by its frame; the instruction behind the system call that raised the signal sees it. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

long seen;

static void on_signal(int number, siginfo_t *info, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_R11] = 0x1234567890abcdef;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	sigaction(SIGUSR1, &action, NULL);
	asm volatile("syscall\n\tmov %%r11, %0"
		     : "=m"(seen)
		     : "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1)
		     : "rcx", "r11", "memory");
	return seen != 0x1234567890abcdef;
}
