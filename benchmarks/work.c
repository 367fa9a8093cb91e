/* Calls, loads, stores and branches, without a library: warm() is not measured, measured() is.
   The number of rounds is given at compile time; a round is about 1,030 instructions. */

#ifndef ROUNDS
#define ROUNDS 100
#endif

enum { LENGTH = 16 };

static unsigned state = 1;
static unsigned numbers[LENGTH];
unsigned result;

static unsigned next(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void sort(void)
{
    for (int end = 1; end < LENGTH; end++) {
        unsigned number = numbers[end];
        int place = end;

        for (; place > 0 && numbers[place - 1] > number; place--)
            numbers[place] = numbers[place - 1];
        numbers[place] = number;
    }
}

static __attribute__((noinline)) void rounds(int count)
{
    while (count-- > 0) {
        for (int n = 0; n < LENGTH; n++)
            numbers[n] = next();
        sort();
        result += numbers[0] ^ numbers[LENGTH - 1];
    }
}

__attribute__((noinline)) void warm(void)
{
    rounds(10);
}

__attribute__((noinline)) void measured(void)
{
    rounds(ROUNDS);
}

__attribute__((noinline)) void done(void)
{
    __asm__ volatile("mov $60, %eax\n\txor %edi, %edi\n\tsyscall");
}

/* Written once, before everything else that is recorded: the watchpoint far back. */
long first;

void _start(void)
{
    warm();
    first = 1;
    measured();
    done();
}
