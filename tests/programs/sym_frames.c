/* Callbacks through libc, a signal handler, recursion, inlined calls, thread-local variables. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair { int key; const char *name; };

__thread int calls = 7;
static __thread long depth_reached;
static int table[4] = {3, 1, 2, 0};

static inline __attribute__((always_inline)) int twice(int x)
{
    int doubled = x + x;
    calls++;
    return doubled;
}

static int compare(const void *left, const void *right)
{
    int a = *(const int *) left;
    int b = *(const int *) right;
    calls += a > b;
    return a - b;
}

static void on_signal(int number)
{
    calls = number;
}

__attribute__((noinline)) static int deep(int n, struct pair *p)
{
    char room[32];
    memset(room, n, sizeof room);
    if (n == 0) {
        int here = twice(p->key);
        depth_reached = here;
        raise(SIGUSR1);
        return here;
    }
    return deep(n - 1, p) + room[n];
}

int main(int argc, char **argv)
{
    struct pair p = {argc, argv[0]};
    int total = 0;
    signal(SIGUSR1, on_signal);
    qsort(table, 4, sizeof table[0], compare);
    for (int i = 0; i < 3; i++) {
        int square = twice(i) * i;
        total += square;
    }
    total += deep(4, &p);
    printf("%d %d %s\n", total, calls, p.name ? "named" : "nameless");
    return depth_reached == 0;
}
