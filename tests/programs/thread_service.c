/* Threads for whoever comes in the middle: one counts, one sleeps, one waits for input; main waits for them.
   `argv[1]` is a file whose appearance ends the program, or "quick": then everything is over as soon as everybody has done
   something; or "block": nobody counts. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static volatile long counted, slept, heard;
static volatile int over, flag;
static int ends[2];

__attribute__((noinline)) void visit(long number)
{
    counted += number;
}

static void *count(void *unused)
{
    while (!over)
        visit(1);
    return unused;
}

static void *rest(void *unused)
{
    struct timespec pause = {0, 1000000};
    while (!over) {
        nanosleep(&pause, NULL);
        slept++;
        visit(0);
    }
    return unused;
}

static void *listen_to(void *unused)
{
    char word[8];
    while (read(ends[0], word, sizeof word) == sizeof word)
        heard += word[0];
    return unused;
}

static void *spin(void *unused)
{
    while (!flag)
        ;
    return unused;
}

__attribute__((noinline)) void begin(void)
{
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    pthread_t threads[4];
    struct stat unused;
    const char *how = argc > 1 ? argv[1] : "quick";
    if (pipe(ends))
        return 1;
    pthread_create(threads, NULL, listen_to, NULL);
    if (!strcmp(how, "block")) {
        pthread_join(threads[0], NULL);
        return 2;
    }
    if (!strcmp(how, "spin")) {
        pthread_create(threads + 1, NULL, spin, NULL);
        begin();
        flag = 1;
        pthread_join(threads[1], NULL);
        return 0;
    }
    pthread_create(threads + 1, NULL, count, NULL);
    pthread_create(threads + 2, NULL, rest, NULL);
    begin();
    for (int i = 0; strcmp(how, "quick") ? stat(how, &unused) != 0 : i < 3 || counted < 100 || slept == 0; i++) {
        write(ends[1], "12345678", 8);
        usleep(2000);
    }
    over = 1;
    close(ends[1]);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d\n", counted > 0 && slept > 0, heard > 0 && heard % '1' == 0);
    return 0;
}
