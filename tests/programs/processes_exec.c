/* A process of three threads executes the program that is its second argument.  The first says who does it: t a thread, l the
   leader, g a thread when the leader has ended. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char **arguments;
static pthread_barrier_t all_here;
static pthread_t leader;

static void leave(void)
{
    execv(arguments[2], arguments + 2);
    perror("execv");
    exit(9);
}

static void *sleeper(void *unused)
{
    pthread_barrier_wait(&all_here);
    for (;;)
        pause();
    return unused;
}

static void *other(void *unused)
{
    pthread_barrier_wait(&all_here);
    if (*arguments[1] == 'g')
        pthread_join(leader, NULL);
    if (*arguments[1] != 'l')
        leave();
    for (;;)
        pause();
}

int main(int count, char **words)
{
    pthread_t threads[2];
    arguments = words;
    leader = pthread_self();
    pthread_barrier_init(&all_here, NULL, 3);
    pthread_create(&threads[0], NULL, sleeper, NULL);
    pthread_create(&threads[1], NULL, other, NULL);
    pthread_barrier_wait(&all_here);
    if (*words[1] == 'l')
        leave();
    if (*words[1] == 'g')
        pthread_exit(NULL);
    for (;;)
        pause();
    return count;
}
