/* Faults that a handler repairs, faults that it leaves by a long jump, and (with an argument) one that kills. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

static char *page;
static sigjmp_buf out;
int repaired, jumps, total;
volatile int zero;

static void repair(int number, siginfo_t *info, void *context)
{
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	repaired++;
}

static void leave(int number)
{
	jumps++;
	siglongjmp(out, number);
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO};
	page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGSEGV, &action, NULL);
	signal(SIGFPE, leave);
	total = 1;
	page[7] = 'x';
	total = 2;
	mprotect(page, PAGE, PROT_NONE);
	memset(page, 'y', 100);
	total = 3;
	if (sigsetjmp(out, 1) == 0)
		total = 7 / zero;
	total += page[7];
	if (argc > 1) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)8 = total;
	}
	return 0;
}
