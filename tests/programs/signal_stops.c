/* Signals with which nothing happens, each at a line of its own, and a fault at the end; for both debuggers' records.
   gcc -nostdlib -static */

#include <asm/signal.h>
#include <asm/unistd.h>

static inline __attribute__((always_inline)) long call(long number, long a, long b, long c, long d)
{
	long result;
	register long fourth __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
	return result;
}

/* Send this process a signal, here and now. */
#define SEND(signal) __asm__ volatile("syscall" : "=a"(sent) : "0"(__NR_kill), "D"(self), "S"(signal) : "rcx", "r11", "memory")

long self, sent;
int caught, traps;
int *nowhere;

void count(int number)
{
	caught += number;
}

void __restore_rt(void);
__asm__("nop\n__restore_rt:\tmov $15,%rax\n\tsyscall\n");

void set(int number, void *handler)
{
	struct sigaction action = {handler, SA_RESTORER, __restore_rt, 0};
	call(__NR_rt_sigaction, number, (long)&action, 0, 8);
}

int main(void)
{
	int n = 0;

	self = call(__NR_getpid, 0, 0, 0, 0);
	set(SIGUSR1, count);
	set(SIGUSR2, SIG_IGN);
	n++;
	SEND(SIGUSR1);
	n++;
	SEND(SIGUSR2);	/* ignored */
	n++;
	SEND(SIGURG);	/* ignored by default */
	n++;
	SEND(SIGTSTP);	/* stops by default */
	n++;
	if (traps)
		__asm__("int3");
	*nowhere = n;
	return n;
}

void _start(void)
{
	main();
	__asm__ volatile("mov $60,%eax; xor %edi,%edi; syscall");
}
