/* Two threads that compute and never wait for each other; each prints what it has found. */
#include <pthread.h>
#include <stdio.h>

#define ROUNDS 150000

static unsigned long results[2];

static void *compute(void *argument)
{
    unsigned long *result = argument, number = result - results + 1;
    for (int i = 0; i < ROUNDS; i++) {
        number = number * 6364136223846793005ul + 1442695040888963407ul;
        if (number >> 63)
            *result ^= number;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, compute, &results[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%lx %lx\n", results[0], results[1]);
    return 0;
}
