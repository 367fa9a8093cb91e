/* Calls that gcc -O2 inlines, and tail calls. */
volatile int sink;
int table[4] = {1, 2, 3, 4};

static inline __attribute__((always_inline)) int square(int n)
{
	sink = n;
	return n * n;
}

static inline __attribute__((always_inline)) int twice_square(int n)
{
	int result = square(n);
	sink = result;
	result += square(n + 1);
	return result;
}

__attribute__((noinline)) int plain(int n)
{
	sink = n;
	return sink + 1;
}

__attribute__((noinline)) int tail(int n)
{
	sink = n;
	return plain(n + 1);
}

__attribute__((noinline)) int work(int n)
{
	int sum = n;
	sink = 1;
	sum += square(sink);
	sink = 2;
	sum += twice_square(sink);
	sum += tail(sum);
	sink = sum;
	return sum;
}

int main(void)
{
	sink = work(3);
	sink = work(4);
	return sink & 1;
}
