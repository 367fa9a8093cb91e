/* Walks over and into signal handlers, to compare with gdb: no C library, so that gdb's own record can record every instruction.
   gcc -nostdlib -static */

#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/unistd.h>

int caught, nested, informed, repaired;
void *landing[5];
char other_stack[1 << 14];
int hole[1024] __attribute__((aligned(4096)));

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

int add(int a, int b)
{
	return a + b;
}

void count(int number)
{
	caught += number;
	caught = add(caught, 1);
}

void nest(int number)
{
	nested++;
	SEND(SIGUSR1);
	nested = add(nested, number);
}

void inform(int number, siginfo_t *info, void *context)
{
	informed = info->si_signo;
	informed = add(informed, number);
}

void leap(int number)
{
	caught += number;
	__builtin_longjmp(landing, 1);
}

void repair(int number, siginfo_t *info, void *context)
{
	repaired++;
	call(__NR_mprotect, (long)hole, sizeof hole, 3, 0);
}

void __restore_rt(void);
__asm__(".pushsection .text.restore,\"ax\"\n\t.globl __restore_rt\n\t.type __restore_rt,@function\n"
	"\tnop\n__restore_rt:\tmov $15,%rax\n\tsyscall\n\t.size __restore_rt,.-__restore_rt\n\t.popsection");

void set(int number, void *handler, long flags)
{
	struct sigaction action = {handler, flags | SA_RESTORER, __restore_rt, 0};
	call(__NR_rt_sigaction, number, (long)&action, 0, 8);
}

int send(int number)
{
	SEND(number);
	return number;
}

int jumps(void)
{
	if (__builtin_setjmp(landing) == 0)
		SEND(SIGHUP);
	return caught;
}

int main(void)
{
	int n = 0;
	stack_t stack = {other_stack, 0, sizeof other_stack};

	self = call(__NR_getpid, 0, 0, 0, 0);
	call(__NR_sigaltstack, (long)&stack, 0, 0, 0);
	set(SIGUSR1, count, 0);
	set(SIGUSR2, nest, 0);
	set(SIGALRM, inform, SA_SIGINFO | SA_ONSTACK);
	set(SIGHUP, leap, SA_NODEFER);
	set(SIGSEGV, repair, SA_SIGINFO);
	n++;
	SEND(SIGUSR1);
	n++;
	n = add(n, send(SIGUSR1)) + add(n, 1);
	n++;
	SEND(SIGUSR2);
	n++;
	SEND(SIGALRM);
	n++;
	n += jumps();
	call(__NR_mprotect, (long)hole, sizeof hole, 0, 0);
	hole[5] = add(n, 1);
	n += hole[5];
	return n;
}

void _start(void)
{
	main();
	__asm__ volatile("mov $60,%eax; xor %edi,%edi; syscall");
}
