/* Threads that sleep: the only one, or with "all" two of them while the leader waits for their end; with "but one" the leader
   does not sleep. */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static void *doze(void *argument)
{
    sleep(30);
    return argument;
}

__attribute__((noinline)) void asleep(void)
{
    __asm__ volatile("");
}

int main(int count, char **words)
{
    pthread_t threads[2];
    int all = count > 1 && !strcmp(words[1], "all");
    int awake = count > 1 && !strcmp(words[1], "but one");
    for (int i = 0; (all || awake) && i < 2; i++)
        pthread_create(&threads[i], NULL, doze, NULL);
    asleep();
    while (awake)
        ;
    for (int i = 0; all && i < 2; i++)
        pthread_join(threads[i], NULL);
    if (!all)
        doze(NULL);
    return 0;
}
