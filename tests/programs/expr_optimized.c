/* Values that an optimizing compiler keeps in registers, in pieces, as constants, or nowhere. */
struct pair { long a, b; };
struct mixed { int i; double d; };

__attribute__((noinline)) long use(long a, long b)
{
    __asm__ volatile("" ::: "memory");
    return a + b;
}

__attribute__((noinline)) void stop_here(void)
{
    __asm__ volatile("nop");
}

__attribute__((noinline)) static long work(int argc, struct pair p, double scale)
{
    int dead = argc * 3;
    struct pair local = { argc, argc * 2 };
    struct mixed m = { argc, 2.5 * argc };
    const int constant = 42;
    long alive = use(argc, p.a);
    stop_here();
    return alive + local.a + (long)(m.d * scale) + p.b + constant;
}

int main(int argc, char **argv)
{
    struct pair p = { 10, 20 };
    return (int)work(argc, p, 1.5) & 1;
}
