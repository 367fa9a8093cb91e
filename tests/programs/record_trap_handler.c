/* A program with a handler of its own for SIGTRAP, whose address space changes. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

static volatile sig_atomic_t trapped;

static void on_trap(int number)
{
    trapped = number;
}

int main(void)
{
    signal(SIGTRAP, on_trap);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page, 4096);
    raise(SIGTRAP);
    return trapped == SIGTRAP ? 0 : 1;
}
