/* Two libraries of the same shape: -DKIND=0 and -DKIND=1. */
int value(int n)
{
#if KIND
    return 7 * n;
#else
    return n + 11;
#endif
}
