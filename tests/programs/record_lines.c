/* Lines that take long: a loop, one with calls, one that calls where a pointer leads. */
#include <stdlib.h>

volatile long total;

static __attribute__((noinline)) long twice(long number)
{
    total++;
    return 2 * number;
}

int main(int count, char **arguments)
{
    long rounds = atol(arguments[1]), (*volatile chosen)(long) = twice;

    for (long i = 0; i < rounds; i++) total += i * i ^ count;
    for (long i = 0; i < 3; i++) total += twice(i);
    for (long i = 0; i < rounds; i++) total += i % 64 ? i : chosen(i);
    return 0;
}
