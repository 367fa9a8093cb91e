/* Threads that wait for each other in every way there is; `argv[1]` says which.  The answer is printed, and is always the same. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3
#define ROUNDS 20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static atomic_flag spin = ATOMIC_FLAG_INIT;
static atomic_int started, handled;
static volatile int total, turn;
static __thread int own;
static int ends[2];

static void *mutex(void *number)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        int before = total;
        if (i % 4 == 0)
            sched_yield();
        total = before + 1;
        pthread_mutex_unlock(&lock);
    }
    return number;
}

static void *condition(void *number)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&lock);
        while (turn % THREADS != (long) number)
            pthread_cond_wait(&changed, &lock);
        turn++;
        total += i;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    return number;
}

static void *meet(void *number)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
            total++;
        pthread_barrier_wait(&barrier);
    }
    return number;
}

static void *spinning(void *number)
{
    for (int i = 0; i < ROUNDS; i++) {
        while (atomic_flag_test_and_set(&spin))
            __builtin_ia32_pause();
        total++;
        atomic_flag_clear(&spin);
    }
    return number;
}

static void *produce(void *number)
{
    for (int i = 0; i < ROUNDS; i++) {
        char data[16];
        memset(data, 'a' + i, sizeof data);
        if (write(ends[1], data, sizeof data) != sizeof data)
            abort();
    }
    return number;
}

static void *storage(void *number)
{
    for (int i = 0; i < ROUNDS; i++)
        own += (long) number + i;
    pthread_mutex_lock(&lock);
    total += own;
    pthread_mutex_unlock(&lock);
    return number;
}

static void on_signal(int number)
{
    (void) number;
    own++;
    atomic_fetch_add(&handled, 1);
}

static void *signalled(void *number)
{
    atomic_fetch_add(&started, 1);
    while (own < 2)
        usleep(500);
    pthread_mutex_lock(&lock);
    total += own;
    pthread_mutex_unlock(&lock);
    return number;
}

static void *detached(void *number)
{
    pthread_mutex_lock(&lock);
    total += (long) number;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *last(void *leader)
{
    pthread_join(*(pthread_t *) leader, NULL);
    for (int i = 0; i < ROUNDS; i++)
        total++;
    printf("%d\n", total);
    fflush(stdout);
    exit(0);
}

static void *sleeper(void *number)
{
    struct timespec pause = {0, 2000000};
    for (int i = 0; i < 3; i++)
        nanosleep(&pause, NULL);
    __sync_fetch_and_add(&total, 1);
    return number;
}

static const struct {
    const char *name;
    void *(*body)(void *);
} KINDS[] = {{"mutex", mutex}, {"condition", condition}, {"barrier", meet}, {"spin", spinning}, {"storage", storage},
             {"signals", signalled}, {"sleep", sleeper}, {"pipe", produce}};

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    const char *kind = argc > 1 ? argv[1] : "mutex";
    void *(*body)(void *) = NULL;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (!strcmp(kind, KINDS[i].name))
            body = KINDS[i].body;
    if (!strcmp(kind, "leader")) {
        pthread_t self = pthread_self();
        pthread_create(threads, NULL, last, &self);
        pthread_exit(NULL);
    }
    if (!strcmp(kind, "detached")) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        for (long i = 0; i < THREADS; i++)
            pthread_create(threads + i, &attributes, detached, (void *) (i + 1));
        pthread_mutex_lock(&lock);
        while (total < 6)
            pthread_cond_wait(&changed, &lock);
        pthread_mutex_unlock(&lock);
        printf("%d\n", total);
        return 0;
    }
    signal(SIGUSR1, on_signal);
    pthread_barrier_init(&barrier, NULL, THREADS);
    if (pipe(ends))
        return 1;
    for (long i = 0; i < THREADS; i++)
        pthread_create(threads + i, NULL, body, (void *) i);
    if (body == signalled) {
        while (started < THREADS)
            sched_yield();
        /* One at a time: two that wait for the same thread would become one. */
        for (int i = 0; i < 2 * THREADS; i++) {
            pthread_kill(threads[i % THREADS], SIGUSR1);
            while (handled <= i)
                usleep(500);
        }
    }
    if (body == produce)
        for (int i = 0; i < THREADS * ROUNDS; i++) {
            char data[16];
            if (read(ends[0], data, sizeof data) != sizeof data)
                return 2;
            total += data[0] + data[15];
        }
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        if (result != (void *) (long) i)
            return 3;
    }
    printf("%d\n", total);
    return 0;
}
