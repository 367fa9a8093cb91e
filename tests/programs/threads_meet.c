/* Two threads come one after the other; barriers fix the order of all that happens. */
#include <pthread.h>

static pthread_barrier_t barrier;
__thread int own;
int shared;

static void meet(int id)
{
    own = id;
    shared += id;
}

static void *work(void *argument)
{
    int id = (int)(long)argument;
    own = 10 * id;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    meet(id);
    pthread_barrier_wait(&barrier);
    return argument;
}

static void one(int id)
{
    pthread_t thread;
    pthread_create(&thread, 0, work, (void *)(long)id);
    pthread_barrier_wait(&barrier);
    shared += 100;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, 0);
}

int main(void)
{
    own = 1;
    pthread_barrier_init(&barrier, 0, 2);
    one(2);
    one(3);
    return shared;
}
