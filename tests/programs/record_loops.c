/* Work for a recorder that translates: loops, calls of all kinds, a table of functions, a watched variable. */

#include <signal.h>
#include <stdio.h>
#include <string.h>

volatile long watched;
static long table[64];

static long twice(long n) { return 2 * n; }
static long thrice(long n) { return 3 * n; }
static long (*const functions[])(long) = {twice, thrice, twice};

__attribute__((noinline)) static long touch(long n)
{
    watched = n;
    return n + 1;
}

__attribute__((noinline)) static long work(long rounds)
{
    long sum = 0;
    for (long n = 0; n < rounds; n++) {
        table[n & 63] += functions[n % 3](n) ^ sum;
        sum += table[n * 7 & 63];
        if (n % 1000 == 999)
            sum += touch(n);
    }
    return sum;
}

int main(int count, char **arguments)
{
    long rounds = count > 1 ? 1000000000 : 20000;
    printf("%ld\n", work(rounds));
    return 0;
}
