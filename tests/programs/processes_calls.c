/* A program that makes few system calls, one of a number that there is not.  With the argument w a thread waits in one for the
   other; with another argument the program executes itself anew. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static char **words;
static int ends[2];
static volatile int here;

static void *waits(void *unused)
{
    char byte;
    here = 1;
    read(ends[0], &byte, 1);
    return unused;
}

static void again(void)
{
    execl(words[0], words[0], NULL);
}

int main(int count, char **arguments)
{
    pthread_t thread;
    char byte;

    words = arguments;
    getppid();
    write(1, "one\n", 4);
    if (count > 1 && *words[1] == 'w') {
        pipe(ends);
        pthread_create(&thread, NULL, waits, NULL);
        while (!here)
            usleep(1000);
        getppid();
        getppid();
        write(ends[1], "x", 1);
        pthread_join(thread, NULL);
    } else if (count > 1)
        again();
    read(0, &byte, 1);
    write(1, "two\n", 4);
    syscall(9999);
    close(77);
    _exit(3);
}
