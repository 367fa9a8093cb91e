/* Eight threads, timers and many forks at once.  What the program computes does not depend on the order in which the threads run, so
   that every run, recorded or not, must end with the same line.

   usage: stress [FORKS [ROUNDS]] */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static unsigned long shared;
static long turn, forks = 1000, rounds = 40;
static __thread long mine;
static volatile sig_atomic_t ticks;

static void tick(int number)
{
    (void)number;
    ticks++;
}

/* Every thread adds its share when it is its turn. */
static void *work(void *argument)
{
    long number = (long)argument;
    pthread_barrier_wait(&barrier);
    for (long round = 0; round < rounds; round++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != number)
            pthread_cond_wait(&changed, &lock);
        shared = shared * 31 + number + round;
        mine += shared & 0xff;
        turn++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return (void *)mine;
}

/* One child after the other, each of which ends with a status that it has worked out.  Ctrl-C, which comes to the children as
   well, does not end them: they are born with SIGINT blocked.  The other threads take it. */
static unsigned long fork_many(void)
{
    unsigned long sum = 0;
    sigset_t interrupts;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGINT);
    pthread_sigmask(SIG_BLOCK, &interrupts, NULL);
    for (long n = 0; n < forks; n++) {
        pid_t child = fork();
        if (child < 0)
            exit(3);
        if (child == 0)
            _exit((n * 7) & 0x7f);
        int status;
        while (waitpid(child, &status, 0) < 0)
            if (errno != EINTR)
                exit(4);
        if (!WIFEXITED(status))
            exit(5);
        sum = sum * 3 + WEXITSTATUS(status);
    }
    pthread_sigmask(SIG_UNBLOCK, &interrupts, NULL);
    return sum;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        forks = atol(argv[1]);
    if (argc > 2)
        rounds = atol(argv[2]);
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval every = {{0, 5000}, {0, 5000}};
    setitimer(ITIMER_REAL, &every, NULL);

    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (long n = 0; n < THREADS; n++)
        if (pthread_create(&threads[n], NULL, work, (void *)n))
            return 2;
    pthread_barrier_wait(&barrier);
    unsigned long children = fork_many();
    long sum = 0;
    for (int n = 0; n < THREADS; n++) {
        void *result;
        pthread_join(threads[n], &result);
        sum += (long)result;
    }
    every.it_value.tv_usec = every.it_interval.tv_usec = 0;
    setitimer(ITIMER_REAL, &every, NULL);
    printf("shared %lu, threads %ld, children %lu\n", shared, sum, children);
    return 0;
}
