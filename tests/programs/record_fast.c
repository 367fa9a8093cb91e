/* What is executed by instructions that take more than saving an operand, one kind for each argument. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
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

static char from[400000], to[400000];

/* Of all sizes, also such as are too large to be saved in pieces; overlapping; and downwards. */
static int repeats(void)
{
    int sum = 0;
    for (int i = 0; i < 400; i++) {
        void *d = to + i % 13, *s = from + i % 7;
        unsigned long n = i % 100 == 99 ? 300000 : (i * 7919u) % 700;
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        d = from + i % 29, n = i % 77;
        __asm__ volatile("rep stosq" : "+D"(d), "+c"(n) : "a"(i * 0x0101010101010101ul) : "memory");
        d = from + 5, s = from, n = i % 64;
        __asm__ volatile("rep movsl" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        if (i % 100 == 50) {
            d = to + 5000, s = from + 5001, n = 300;
            __asm__ volatile("std; rep movsb; cld" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        }
        sum += to[i] + from[i];
    }
    return sum;
}

static volatile int ticks;

static void tick(int number)
{
    ticks += number == SIGALRM;
}

/* Interrupted anywhere. */
static int ticking(void)
{
    struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
    signal(SIGALRM, tick);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 3000 && ticks < 3; i++) {
        void *d = to + i % 13, *s = from + i % 7;
        unsigned long n = 20000 + i % 999;
        __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
        from[i % 20000]++;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    return ticks > 0;
}

/* What is asked for by eax is saved and restored; the last of them with x87. */
static int state(void)
{
    static struct { char bytes[8192]; } image __attribute__((aligned(64))), *area = &image;
    double kept = 0;
    for (int i = 0; i < 300; i++) {
        unsigned what = i < 290 ? 0xe6 : 7;
        double x = i;
        __asm__("" : "+r"(area));
        __asm__ volatile("xsavec %0" : "+m"(*area), "+x"(x) : "a"(what), "d"(0));
        __asm__ volatile("pxor %%xmm0, %%xmm0; pcmpeqd %%xmm1, %%xmm1" : : : "xmm0", "xmm1");
        __asm__ volatile("xrstor %1" : "+x"(x) : "m"(*area), "a"(what), "d"(0));
        __asm__ volatile("fxsave64 %0" : "+m"(*area));
        kept += x;
    }
    return (int)kept;
}

static int flags(void)
{
    unsigned long sum = 0;
    for (unsigned long i = 0; i < 300; i++) {
        unsigned long now;
        __asm__ volatile("cmp $150, %1; pushf; cmp %1, %1; popf; pushf; pop %0" : "=r"(now) : "r"(i) : "cc", "memory");
        sum += now;
    }
    return (int)sum;
}

static const struct { const char *name; int (*function)(void); } kinds[] = {
    {"clocks", clocks},
    {"floats", floats},
    {"repeats", repeats},
    {"state", state},
    {"ticking", ticking},
    {"flags", flags},
};

int main(int argc, char **argv)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (argc > 1 && strcmp(argv[1], kinds[i].name) == 0)
            printf("%d\n", kinds[i].function());
    return 0;
}
