/* A program that is attached to while it runs: blocked in read, asleep, in the middle of a computation, under a rain of signals.
 * Save in the first case it goes on until SIGUSR2 comes, and then says whether all went well. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int alarms, users, ended, faults;
volatile int visits;

static void __attribute__((noinline)) visit(void)
{
	visits++;
}

static void on_signal(int number)
{
	alarms += number == SIGPROF;
	users += number == SIGUSR1;
	ended |= number == SIGUSR2;
}

static void reads(void)
{
	char line[64];
	for (int size; (size = read(0, line, sizeof line)) > 0; visit())
		printf("got %.*s", size, line);
}

static long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void sleeps(void)
{
	for (; !ended; visit()) {
		struct timespec time = {0, 200000000};
		long start = now();
		int result = nanosleep(&time, NULL);
		faults += !ended && (result || now() - start < 199);
	}
}

static void computes(void)
{
	for (; !ended || (alarms && alarms < 20); visit()) {
		unsigned sum = 1;
		for (unsigned round = 0; round < 500; round++)
			sum = sum * 1664525 + 1013904223;
		faults += sum != 2563561269u;
	}
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct itimerval timer = {{0, 5000}, {0, 5000}};

	setvbuf(stdout, NULL, _IONBF, 0);
	signal(SIGPROF, on_signal);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	if (!strcmp(what, "disturbed")) {
		setitimer(ITIMER_PROF, &timer, NULL);
		while (!alarms)
			;
	}
	puts("ready");
	if (!strcmp(what, "reads"))
		reads();
	else if (!strcmp(what, "sleeps"))
		sleeps();
	else
		computes();
	printf("%d faults\n", faults);
	return 0;
}
