/* A label is written past the end of its block on the heap.  Nothing happens, until the next block is used much later. */

#include <stdlib.h>

struct account {
    const char *owner;
    long balance;
};

static void fill(char *label, char with, int length)
{
    for (int n = 0; n < length; n++)
        label[n] = with;
}

static void trade(struct account *account)
{
    for (int day = 1; day <= 365; day++)
        account->balance += day % 7 - 3;
}

static int letters(const char *text)
{
    int count = 0;

    while (text[count] != '\0')
        count++;
    return count;
}

int main(void)
{
    char *label = malloc(24);
    struct account *account = malloc(sizeof *account);

    account->owner = "Ada";
    account->balance = 100;
    fill(label, '-', 40);
    trade(account);
    return letters(account->owner);
}
