/* Several threads, doing what the first argument says. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 6, VISITS = 25 };

volatile long visits[THREADS], watched[THREADS], turns, handled, alive;
volatile int stop;
pthread_t threads[THREADS];
pthread_barrier_t barrier;

void visit(long who)
{
	visits[who]++;
}

static void handler(int number)
{
	__sync_fetch_and_add(&handled, 1);
}

static void *visitor(void *who)
{
	for (int i = 0; i < VISITS; i++)
		visit((long)who);
	return NULL;
}

static void *raiser(void *who)
{
	for (int i = 0; i < VISITS; i++) {
		pthread_kill(pthread_self(), SIGUSR1);
		visit((long)who);
	}
	return NULL;
}

static void *writer(void *who)
{
	pthread_barrier_wait(&barrier);
	watched[(long)who] = (long)who + 1;
	return NULL;
}

static void *spinner(void *who)
{
	__sync_fetch_and_add(&alive, 1);
	while (!stop)
		turns++;
	return NULL;
}

static void *sleeper(void *who)
{
	__sync_fetch_and_add(&alive, 1);
	while (!stop)
		pause();
	return NULL;
}

static void *executor(void *path)
{
	while (alive < THREADS - 1)
		usleep(100);
	visit(0);
	execl(path, path, "status", (char *)NULL);
	return NULL;
}

static void *leaver(void *who)
{
	while (alive < THREADS - 1)
		usleep(100);
	visit(0);
	exit(23);
}

static void *orphan(void *who)
{
	pthread_join(threads[0], NULL);         /* the leader, which has put itself there */
	visit(1);
	exit(9);
}

static void *nothing(void *who)
{
	return NULL;
}

/* Begins and ends threads without end; so do they. */
static void *breeder(void *who)
{
	while (!stop) {
		pthread_t child;
		if (pthread_create(&child, NULL, nothing, NULL) == 0)
			pthread_join(child, NULL);
		turns++;
	}
	return NULL;
}

static void *forker(void *who)
{
	for (int i = 0; i < VISITS; i++) {
		int status;
		pid_t child = (long)who % 2 ? vfork() : fork();
		if (child == 0) {
			if ((long)who % 2)
				execl("/bin/true", "true", (char *)NULL);
			visit(0);
			_exit(0);
		}
		if (waitpid(child, &status, 0) != child || status)
			exit(1);
		visit((long)who);
	}
	return NULL;
}

static void start(void *(*body)(void *), int first, int last)
{
	for (long i = first; i < last; i++)
		pthread_create(&threads[i], NULL, body, (void *)i);
}

static void join(int first, int last)
{
	for (int i = first; i < last; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "visit";
	sigset_t set;

	signal(SIGUSR1, handler);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	if (strstr(mode, "ignore"))
		signal(SIGINT, SIG_IGN);
	if (strstr(mode, "block"))
		sigprocmask(SIG_BLOCK, &set, NULL);
	if (!strcmp(mode, "visit")) {
		start(visitor, 0, THREADS);
		join(0, THREADS);
	} else if (!strcmp(mode, "raise")) {
		start(raiser, 0, THREADS);
		join(0, THREADS);
		return handled == THREADS * VISITS ? 7 : 8;
	} else if (!strcmp(mode, "write")) {
		pthread_barrier_init(&barrier, NULL, THREADS);
		start(writer, 0, THREADS);
		join(0, THREADS);
	} else if (!strcmp(mode, "exec")) {
		start(sleeper, 0, THREADS - 2);
		start(spinner, THREADS - 2, THREADS - 1);
		pthread_create(&threads[THREADS - 1], NULL, executor, argv[2]);
		pause();
	} else if (!strcmp(mode, "exit")) {
		start(sleeper, 0, THREADS - 2);
		start(spinner, THREADS - 2, THREADS - 1);
		start(leaver, THREADS - 1, THREADS);
		pause();
	} else if (!strcmp(mode, "orphan")) {
		threads[0] = pthread_self();
		pthread_create(&threads[1], NULL, orphan, NULL);
		visit(0);
		pthread_exit(NULL);
	} else if (!strcmp(mode, "fork")) {
		start(forker, 0, THREADS);
		join(0, THREADS);
	} else if (!strncmp(mode, "breed", 5)) {
		start(breeder, 0, THREADS);
		puts("ready");
		fflush(stdout);
		while (argc == 2)
			pause();
		getchar();
		stop = 1;
		join(0, THREADS);
	} else if (!strncmp(mode, "spin", 4)) {
		start(spinner, 0, THREADS);
		join(0, THREADS);
	} else if (!strncmp(mode, "sleep", 5)) {
		start(sleeper, 0, THREADS);
		join(0, THREADS);
	}
	return 7;
}
