/* What XSAVEC writes depends on which registers are in use, as the CPU has noted it; the rest of the area is left as it is. */
#include <immintrin.h>
#include <string.h>

#define ROUNDS 400
#define ALL 0xe7

static unsigned char areas[ROUNDS][2752] __attribute__((aligned(64)));
unsigned sum;

__attribute__((target("avx2,xsavec"))) int main(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		unsigned char *area = areas[round];
		memset(area, 0xaa, sizeof *areas);
		__asm__ volatile("vzeroupper; vzeroall" ::: "memory");
		if (round % 2)
			__asm__ volatile("vpcmpeqb %%ymm1, %%ymm1, %%ymm1" ::: "xmm1");
		_xsavec(area, ALL);
		for (int at = 512; at < 520; at++)
			sum = sum * 31 + area[at] + area[700];
	}
	return 0;
}
