/* What any program does: string functions, formatted output, the heap, a sort with a callback, a thread-local variable. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 24 };

static __thread int comparisons;
static char text[600];
static int numbers[COUNT];

static int compare(const void *a, const void *b)
{
    comparisons++;
    return *(const int *) a - *(const int *) b;
}

int main(void)
{
    char *copy, line[200];

    memset(text, 'x', sizeof text - 1);
    memset(line, 0, sizeof line);
    copy = malloc(sizeof text);
    strcpy(copy, text);
    memmove(copy + 7, copy, 300);
    for (int n = 0; n < COUNT; n++)
        numbers[n] = n * 7919 % 101;
    qsort(numbers, COUNT, sizeof *numbers, compare);
    snprintf(line, sizeof line, "%d numbers, %d comparisons, %.3f, %s", COUNT, comparisons, numbers[3] / 7.0, strchr(copy, 'x') + 590);
    printf("%s\n", line);
    copy = realloc(copy, 300000);
    memcpy(copy + 200000, text, sizeof text);
    free(copy);
    return strlen(line) > 20 && comparisons > COUNT ? 0 : 1;
}
