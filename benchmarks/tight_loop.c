/* A loop of three instructions, fifty million in all: hardly a block can be shorter, or a jump more frequent. */
int main(void)
{
    unsigned long count = 17500000, sum = 1;

    for (; count; count--) {
        __asm__ volatile("" : "+r"(sum));
        sum += count;
    }
    return sum == 0;
}
