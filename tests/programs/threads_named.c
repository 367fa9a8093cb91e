/* A thread that is not the first one gives itself two names. */
#include <pthread.h>
#include <sys/prctl.h>

volatile int named;

void marker(void)
{
	named++;
}

static void *worker(void *unused)
{
	prctl(PR_SET_NAME, "before");
	marker();
	prctl(PR_SET_NAME, "after");
	marker();
	return unused;
}

int main(void)
{
	pthread_t thread;
	pthread_create(&thread, 0, worker, 0);
	return pthread_join(thread, 0);
}
