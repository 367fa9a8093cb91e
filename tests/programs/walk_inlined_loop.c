/* A call that gcc inlines, and that takes very many instructions. */
volatile unsigned sink;

static inline __attribute__((always_inline)) unsigned spin(unsigned n)
{
	unsigned x = n;
	while (n--) {
		x ^= x << 3;
		sink = x;
	}
	return x;
}

int main(void)
{
	sink = 1;
	sink = spin(50000);
	sink = 2;
	return 0;
}
