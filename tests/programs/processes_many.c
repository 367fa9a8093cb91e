/* N children by fork, each of which calls a function in which a breakpoint may be; sum is what they add up to. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

long sum;

static int work(int n)
{
	return n & 63;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 10;
	for (int i = 0; i < count; i++) {
		int status;
		pid_t child = fork();
		if (child == 0)
			_exit(work(i));
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
			return 1;
		sum += WEXITSTATUS(status);
	}
	return 0;
}
