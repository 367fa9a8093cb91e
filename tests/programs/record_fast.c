/* What is executed by instructions that take more than saving an operand, one kind for each argument. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int clocks(void)
{
    struct timespec now;
    int late = 0;
    for (int i = 0; i < 300; i++)
        late += clock_gettime(CLOCK_MONOTONIC, &now) == 0 && now.tv_nsec >= 0;
    return late;
}

static int floats(void)
{
    volatile long double sum = 0;
    for (int i = 1; i < 300; i++)
        sum += sinl(i) / i + sqrtl(i);
    return (int)sum;
}

static const struct { const char *name; int (*function)(void); } kinds[] = {
    {"clocks", clocks},
    {"floats", floats},
};

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (argc > 1 && strcmp(argv[1], kinds[i].name) == 0)
            printf("%d\n", kinds[i].function());
    return 0;
}
