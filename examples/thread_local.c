/* A variable of which every thread has its own lies beside the thread's control block, and is reached through %fs. */

#include <stdio.h>

static __thread int depth = 7;

static void descend(int levels)
{
    for (; levels > 0; levels--)
        depth++;
}

int main(void)
{
    char text[32];

    descend(3);
    depth *= 2;
    snprintf(text, sizeof text, "%d", depth);
    return 0;
}
