/* Long double: the x87 stack, its control and status words, and constants. */

#include <math.h>
#include <stdio.h>

static volatile long double series[12];

int main(void)
{
    long double sum = 0.5L;

    for (int n = 0; n < 12; n++) {
        sum = sqrtl(sum + n) * 3.25L - sinl(sum) / (n + 1);
        series[n] = sum;
    }
    printf("%.18Lf %.18Lf %La\n", sum, fmodl(series[3], 0.7L), series[5]);
    return (int) rintl(sum) != 0 ? 0 : 1;
}
