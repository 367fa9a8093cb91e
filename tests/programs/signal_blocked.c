/* Does not take SIGINT until `go` is set; then it takes whatever waits. */
#include <signal.h>
#include <time.h>

volatile int go;

void through(void)
{
}

int main(int argc, char **argv)
{
	struct timespec pause = {0, 5000000};
	sigset_t set;

	(void)argv;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, 0);
	while (!go)
		if (argc > 1)
			nanosleep(&pause, 0);
	sigprocmask(SIG_UNBLOCK, &set, 0);
	through();
	return 0;
}
