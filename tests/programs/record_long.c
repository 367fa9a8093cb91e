/* Each round: some 25,000 instructions that write all over an array, and a system call. */
#include <stdio.h>
#include <stdlib.h>

static unsigned table[1 << 12];

int main(int count, char **arguments)
{
    int rounds = count > 1 ? atoi(arguments[1]) : 1;
    unsigned state = 1, sum = 0;

    for (int round = 0; round < rounds; round++) {
        for (int n = 0; n < 2000; n++) {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            table[state % 4096] += state;
        }
        sum += table[round % 4096];
        printf("round %d: %u\n", round, sum);
        fflush(stdout);
    }
    return 0;
}
