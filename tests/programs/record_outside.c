/* What a program does outside of itself: descriptors, offsets, directories, limits, files.  The argument is a folder of its own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

int stage;
char buffer[64];

static void __attribute__((noinline)) marker(void)
{
	stage++;
}

static void on_signal(int number)
{
}

static void make(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (write(file, text, strlen(text)) < 0)
		abort();
	close(file);
}

int main(int argc, char **argv)
{
	int ends[2];
	struct rlimit limit;
	struct itimerval timer = {{0, 0}, {1000, 0}};

	if (argc < 2 || chdir(argv[1]))
		return 1;
	make("in", "0123456789abcdefghijklmnopqrstuvwxyz");
	make("gone", "soon");
	make("old", "name");
	mkdir("folder", 0755);
	int in = open("in", O_RDONLY), copy = dup(in), out = open("out", O_RDWR | O_CREAT | O_APPEND, 0600);
	int closed = open("in", O_RDONLY);
	lseek(closed, 5, SEEK_SET);
	if (pipe(ends) || write(ends[1], "pipedream", 9) != 9)
		return 1;
	signal(SIGUSR2, on_signal);
	umask(022);
	prctl(PR_SET_NAME, "before");
	marker();

	if (read(in, buffer, 4) != 4 || read(copy, buffer + 4, 3) != 3)
		return 1;
	if (write(out, "hello", 5) != 5 || write(1, "to the terminal\n", 16) != 16 || write(1, "again\n", 6) != 6)
		return 1;
	if (read(ends[0], buffer + 7, 5) != 5)
		return 1;
	marker();

	close(closed);
	close(ends[1]);
	int later = open("later", O_WRONLY | O_CREAT, 0600);
	dup2(later, copy);
	fcntl(in, F_SETFD, FD_CLOEXEC);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	if (chdir("folder"))
		return 1;
	umask(077);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 20;
	setrlimit(RLIMIT_NOFILE, &limit);
	setitimer(ITIMER_REAL, &timer, NULL);
	prctl(PR_SET_NAME, "after");
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	/* These the kernel refuses. */
	syscall(SYS_rt_sigaction, 99, &timer, NULL, 8);
	syscall(SYS_setitimer, 99, &timer, NULL);
	syscall(SYS_setrlimit, 99, &limit);
	syscall(SYS_lseek, 99, 0, 0);
	unlink("../gone");
	rename("../old", "../new");
	pid_t child = fork();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	marker();
	return 0;
}
