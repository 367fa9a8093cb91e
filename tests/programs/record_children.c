/* Children by fork, vfork with exec, and system(). */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int shared = 1;
int status, sum;

static void visit(int n)
{
	shared += n;
}

int main(void)
{
	pid_t child = fork();
	if (child == 0) {
		visit(100);
		_exit(shared == 101 ? 7 : 1);
	}
	waitpid(child, &status, 0);
	sum += WEXITSTATUS(status);
	visit(1);
	child = vfork();
	if (child == 0) {
		execl("/bin/sh", "sh", "-c", "exit 20", (char *)0);
		_exit(1);
	}
	waitpid(child, &status, 0);
	sum += WEXITSTATUS(status);
	visit(2);
	status = system("exit 15");
	sum += WEXITSTATUS(status);
	visit(3);
	return sum;
}
