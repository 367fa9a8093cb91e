/* A child by fork, or with an argument by vfork; with a second argument a path is executed at the end. */
#include <stdio.h>
#include <unistd.h>
#include <sys/wait.h>

int counter;

static void in_child(void)
{
	counter = 7;
}

static int in_parent(int status)
{
	return WEXITSTATUS(status);
}

static void leave(char *path)
{
	char *arguments[] = {path, 0};
	execv(path, arguments);
	printf("not executed\n");
}

int main(int argc, char **argv)
{
	int status = 0;
	pid_t child = argc > 1 && argv[1][0] == 'v' ? vfork() : fork();
	if (child == 0) {
		in_child();
		_exit(3);
	}
	waitpid(child, &status, 0);
	counter += in_parent(status);
	if (argc > 2)
		leave(argv[2]);
	return counter;
}
