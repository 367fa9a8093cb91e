/* What is translated once and used again: calls, loops, branches through tables, statics at pc-relative addresses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef VALUE
#define VALUE 3
#endif

static int total;
static int twice(int n) { return 2 * n; }
static int thrice(int n) { return VALUE * n; }
static int (*const table[])(int) = {twice, thrice};
static int (*chosen)(int) = twice;

static int compare(const void *one, const void *other) { return *(const int *)one - *(const int *)other; }

__attribute__((noinline)) static int work(int rounds)
{
    int numbers[32];
    for (int i = 0; i < 32; i++)
        numbers[i] = (i * 7 + rounds) % 32;
    qsort(numbers, 32, sizeof *numbers, compare);
    for (int i = 0; i < rounds; i++) {
        chosen = table[i & 1];
        total += chosen(numbers[i & 31]);
    }
    return total;
}

int main(int argc, char **argv)
{
    char text[64];
    int result = work(argc > 1 ? atoi(argv[1]) : 20);
    snprintf(text, sizeof text, "%d %zu", result, strlen(argv[0]) > 0 ? (size_t)result : 0);
    puts(text);
    return result & 127;
}
