/* A little of everything that commands look at: calls, a loop, an array, a string, a global, an exit code. */
#include <stdio.h>
#include <string.h>

int total = 1;

static int sum(int a, int b)
{
    int c = a + b;
    total = c;
    return c;
}

int main(int argc, char **argv)
{
    int x = 0;
    char buffer[16] = "hello";
    for (int i = 0; i < 3; i++)
        x = sum(x, i);
    strcpy(buffer, "bye");
    printf("%d %s %d\n", x, buffer, argc);
    return argv[0] != NULL ? 3 : 0;
}
