/* A name is copied into an array that is too small for it, over the address that greet() is to return to. */

#include <stdio.h>

static void copy(char *to, const char *from)
{
    while (*from != '\0')
        *to++ = *from++;
    *to = '\0';
}

static void greet(const char *name)
{
    char line[16];

    copy(line, name);
    printf("Hello, %s!\n", line);
}

int main(void)
{
    char title[16] = "The guest book";

    puts(title);
    greet("Ada");
    greet("a visitor whose name is longer than sixteen");
    return 0;
}
