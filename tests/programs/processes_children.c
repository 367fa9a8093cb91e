/* Children of every kind, each of which looks for what a debugger could have left in it: a tracer, a changed instruction, a
   binding to a CPU.  The exit status is 0 if all were born healthy and their parent saw them end as it should. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *self;
static int cpus, failures;

int visited(int n)
{
	return n + 1;
}

/* The bits of what is wrong with the calling process. */
static int look(void)
{
	char line[128];
	int wrong = 0;
	cpu_set_t set;
	FILE *status = fopen("/proc/self/status", "r");
	while (fgets(line, sizeof line, status))
		if (!strncmp(line, "TracerPid:", 10) && atoi(line + 10))
			wrong |= 1;
	fclose(status);
	const unsigned char *code = (const unsigned char *)visited;
	for (int i = 0; i < 16; i++)
		if (code[i] == 0xcc)
			wrong |= 2;
	sched_getaffinity(0, sizeof set, &set);
	if (CPU_COUNT(&set) != cpus)
		wrong |= 4;
	return wrong | (visited(1) != 2) << 3;
}

static void expect(const char *what, int status, int wanted)
{
	if (status != wanted) {
		printf("%s: status %#x, not %#x\n", what, status, wanted);
		failures++;
	}
}

static int wait_for(pid_t child)
{
	int status = -1;
	waitpid(child, &status, __WALL);
	return status;
}

static void by_fork(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(look());
	expect("fork", wait_for(child), 0);
	child = fork();
	if (child == 0)
		raise(SIGKILL);
	expect("killed", wait_for(child), SIGKILL);
	child = fork();
	if (child == 0)
		for (raise(SIGSTOP);;)
			_exit(5);
	int status;
	waitpid(child, &status, WUNTRACED);
	expect("stopped", status, SIGSTOP << 8 | 0x7f);
	kill(child, SIGCONT);
	expect("continued", wait_for(child), 5 << 8);
}

static void by_vfork(void)
{
	pid_t child = vfork();
	if (child == 0) {
		execl(self, self, "look", (char *)0);
		_exit(99);
	}
	expect("vfork", wait_for(child), 0);
	child = vfork();
	if (child == 0) {
		execl("/nowhere/at/all", "all", (char *)0);
		_exit(visited(6));
	}
	expect("vfork without exec", wait_for(child), 7 << 8);
}

static void by_clone(void)
{
	pid_t child = syscall(SYS_clone, SIGCHLD | CLONE_PARENT, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	child = syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (child == 0)
		_exit(look());
	expect("clone without a signal", wait_for(child), 0);
}

static void by_library(void)
{
	char *arguments[] = {self, "look", 0}, line[32] = "";
	pid_t child;
	expect("posix_spawn", posix_spawn(&child, self, 0, 0, arguments, environ), 0);
	expect("spawned", wait_for(child), 0);
	expect("system", system("exit 3"), 3 << 8);
	FILE *pipe = popen("echo piped", "r");
	fgets(line, sizeof line, pipe);
	expect("popen", pclose(pipe) | strcmp(line, "piped\n"), 0);
}

/* A daemon, which outlives the child that made it; it tells by a pipe how it is. */
static void by_two_forks(void)
{
	int ends[2];
	unsigned char wrong = 0xff;
	if (pipe(ends))
		return;
	pid_t child = fork();
	if (child == 0) {
		daemon(1, 1);
		usleep(50000);
		wrong = look();
		write(ends[1], &wrong, 1);
		_exit(0);
	}
	expect("the daemon's parent", wait_for(child), 0);
	close(ends[1]);
	expect("the daemon's pipe", read(ends[0], &wrong, 1), 1);
	expect("the daemon", wrong, 0);
}

int main(int argc, char **argv)
{
	cpu_set_t set;
	self = argv[0];
	sched_getaffinity(0, sizeof set, &set);
	cpus = getenv("CPUS") ? atoi(getenv("CPUS")) : CPU_COUNT(&set);
	if (argc > 1)
		return look();
	by_fork();
	by_vfork();
	by_clone();
	by_library();
	by_two_forks();
	return visited(failures) - 1;
}
