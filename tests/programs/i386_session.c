/* What a debugger meets in a 32-bit program: every way to return a value, doubles on the stack, a thread-local variable, recursion,
   a handler, SSE and x87 arithmetic, a long double of twelve bytes. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct point {
    int x, y;
};
struct wide {
    char name[12];
    long long number;
    double fraction;
};

static __thread int calls;
static long total;
static volatile sig_atomic_t caught;

static char letter(int n)
{
    return (char) ('a' + n);
}

static long long product(long a, long long b)
{
    calls++;
    return a * b;
}

static float half(float f)
{
    return f / 2;
}

static double third(double d)
{
    return d / 3;
}

static long double tenth(long double d)
{
    return d / 10;
}

static struct point mirrored(struct point p)
{
    struct point q = {p.y, p.x};
    return q;
}

static struct wide made(const char *name)
{
    struct wide w = {"", 1LL << 40, 0.5};
    strncpy(w.name, name, sizeof w.name - 1);
    return w;
}

static const char *text(void)
{
    return "text";
}

static int factorial(int n)
{
    calls++;
    if (n < 2)
        return 1;
    return n * factorial(n - 1);
}

static void handler(int number)
{
    caught = number;
}

static double sum(const double *numbers, int count)
{
    double result = 0;
    for (int i = 0; i < count; i++)
        result += numbers[i] * 1.5;
    return result;
}

int main(int argc, char **argv)
{
    struct point p = {1, -2};
    double numbers[4] = {1, 2.5, -3, 4e10};
    unsigned long big = 0xfffffff0ul;
    long double precise = 1.0L;

    total = letter(argc);
    total += (long) product(3, 1LL << 33);
    numbers[0] = half(3.0f);
    numbers[1] = third(1.0);
    precise = tenth(precise);
    p = mirrored(p);
    struct wide w = made("somebody");
    total += strlen(text());
    total += factorial(5);
    signal(SIGUSR1, handler);
    raise(SIGUSR1);
    numbers[2] = sum(numbers, 4);
    printf("%ld %d %s %.3f %.3Lf %d %d %s\n", total, calls, w.name, numbers[2], precise, p.x, caught, argv[0] ? "" : "?");
    return big > 5 ? (int) total & 63 : 1;
}
