/* What the step loop of the recorder must save: each round writes memory in many ways, and at last a store faults.
   Freestanding, so that every instruction is here. */

#include <asm/prctl.h>
#include <sys/syscall.h>

enum { ROUNDS = 40, PAGE = 4096 };

unsigned char area[3 * PAGE] __attribute__((aligned(4096)));
long watched;

static long call(long number, long first, long second)
{
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
    return result;
}

/* Every size, with and without an index, across a page, and relative to pc. */
__attribute__((noinline)) void sizes(long i)
{
    *(volatile unsigned char *) (area + 1) = i;
    *(volatile unsigned short *) (area + 2 * i + 3) = i;
    *(volatile unsigned *) (area + 4 * i + 200) = i;
    *(volatile long *) (area + 8 * i + 400) += i;
    *(volatile long *) (area + PAGE - 3) = i;
    watched = i / 8;
}

/* Thread-local stores, 32-bit addresses, two writes at once, an x87 store, vectors. */
__attribute__((noinline)) void forms(long i)
{
    __asm__ volatile("mov %0, %%fs:16\n\t"
                     "mov %0, %%fs:24(%1)\n\t"
                     "mov %0, %%fs:32(,%1,8)\n\t"
                     "mov %0, %%fs:40(%1,%1,4)\n\t"
                     "mov %k0, -40(%k2)\n\t"
                     "enter $16, $1\n\tleave\n\t"
                     "pushf\n\tpopf\n\t"
                     "fld1\n\tfstpt 64(%2)\n\t"
                     "movq %0, %%xmm3\n\tpaddq %%xmm3, %%xmm4\n\tmovups %%xmm4, 81(%2)\n\t"
                     "lock xaddq %0, 128(%2)\n\t"
                     : "+r"(i) : "r"(i), "r"(area + 2 * PAGE) : "memory", "cc", "xmm3", "xmm4");
}

/* Code that the program changes while it runs: returns what was last put into it.  And data on the same page. */
long changing(void);
extern long beside;
__asm__(".section .changing, \"awx\", @progbits\n\t"
        ".globl changing\n"
        "changing: movl $1, %eax\n\tcltq\n\tret\n\t"
        ".globl beside\nbeside: .quad 0\n\t"
        ".text");

__attribute__((noinline)) void done(void)
{
}

void _start(void)
{
    long total = 0;

    call(SYS_arch_prctl, ARCH_SET_FS, (long) area + PAGE);
    for (long i = 0; i < ROUNDS; i++) {
        sizes(i);
        forms(i);
        *(volatile int *) ((char *) changing + 1) = i * (i % 3 == 0);
        total += changing();
        beside += i;
    }
    *(volatile long *) area = total;
    done();
    __asm__ volatile(".globl fault\nfault: mov 16, %rax");
}
