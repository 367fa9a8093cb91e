/* Code that changes while it runs: written over in place, by an instruction just in front of it, behind a change of protection,
   and through another mapping of the same memory.  The sum that is returned says whether each version was executed in its turn. */

#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int function(void);

/* mov $n,%eax; ret */
static void constant(unsigned char *code, int n)
{
    code[0] = 0xb8;
    memcpy(code + 1, &n, 4);
    code[5] = 0xc3;
}

static int in_place(void)
{
    unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int sum = 0;
    for (int n = 1; n <= 50; n++) {
        constant(code, n);
        for (int i = 0; i < 20; i++)
            sum += ((function *) code)();
    }
    return sum == 20 * 50 * 51 / 2;
}

static int next_instruction(void)
{
    /* movb %dil,6(%rip); mov $0,%eax with its constant written by the first; ret */
    static const unsigned char source[] = {0x40, 0x88, 0x3d, 1, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0xc3};
    unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int sum = 0;
    memcpy(code, source, sizeof source);
    for (int n = 1; n <= 100; n++)
        sum += ((int (*)(int)) code)(n);
    return sum == 100 * 101 / 2;
}

static int protected(void)
{
    unsigned char *code = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int sum = 0;
    for (int n = 1; n <= 10; n++) {
        mprotect(code, 4096, PROT_READ | PROT_WRITE);
        constant(code, n);
        mprotect(code, 4096, PROT_READ | PROT_EXEC);
        for (int i = 0; i < 5; i++)
            sum += ((function *) code)();
    }
    return sum == 5 * 10 * 11 / 2;
}

static int mapped_twice(void)
{
    int file = memfd_create("code", 0), sum = 0;
    ftruncate(file, 4096);
    unsigned char *writable = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    unsigned char *code = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    for (int n = 1; n <= 20; n++) {
        constant(writable, n);
        sum += ((function *) code)();
    }
    return sum == 20 * 21 / 2;
}

int main(void)
{
    return in_place() | next_instruction() << 1 | protected() << 2 | mapped_twice() << 3;
}
