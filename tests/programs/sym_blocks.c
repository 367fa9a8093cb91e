/* Nested and disjoint blocks, shadowed names, scattered lines, arguments of many kinds. */
#include <stdio.h>
#include <stdlib.h>

static int shared = 3;
int alpha = 1;

struct point { int x, y; };
struct large { double values[6]; };

__attribute__((noinline)) static int nested(int depth, int alpha)
{
    int total = 0;
    {
        int alpha = depth * 2, beta = alpha + 1, gamma = beta + 1, zeta = 4, longer_name = 5, q = 6, Xray = 7, under_score = 8;
        total += alpha + beta + gamma + zeta + longer_name + q + Xray + under_score;
        for (int i = 0; i < depth; i++) {
            static int counter;
            int inner = i * alpha;
            counter++;
            total += inner + counter;
            shared = total;
        }
    }
    for (int i = 0, j = 10; i < j; i++, j--)
        total += i ^ j;
    while (total > 1000) {
        int half = total / 2;
        total = half;
    }
    return total + alpha;
}

__attribute__((noinline)) static double mixed(char c, short s, float f, double d, struct point p, struct large l, long double ld,
                                              const char *text, int many, int more, int most)
{
    double sum = c + s + f + d + p.x + p.y + l.values[0] + (double) ld + many + more + most;
    if (text)
        sum += text[0];
    return sum;
}

__attribute__((noinline)) static int variable_length(int size)
{
    int data[size];
    for (int i = 0; i < size; i++)
        data[i] = i * size;
    return data[size - 1];
}

static int branchy(int value)
{
    switch (value & 3) {
    case 0:
        return value + 1;
    case 1: {
        int twice = value * 2;
        return twice;
    }
    default:
        goto out;
    }
out:
    return -value;
}

int main(int argc, char **argv)
{
    struct point p = {argc, 2};
    struct large l = {{1.5, 2.5}};
    int result = nested(argc + 3, 40);

    result += (int) mixed('a', 2, 1.5f, 2.5, p, l, 3.5L, argv[0], 7, 8, 9);
    result += variable_length(argc + 4);
    for (int i = 0; i < 5; i++)
        result += branchy(result + i);
    printf("%d\n", result + alpha);
    return result == 0;
}
