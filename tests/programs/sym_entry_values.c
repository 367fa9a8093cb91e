/* Parameters of several classes, whose callers say what they passed: gcc -O2 -g. */

struct node { int number; int more; };

volatile double sink;

__attribute__((noipa)) void clobber(void)
{
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) double mean(int count, double value, struct node node)
{
	sink = value;
	clobber();
	return sink + count + node.number;
}

__attribute__((noinline)) float half(double value, float share)
{
	sink = value * share;
	clobber();
	return sink / 2;
}

int main(void)
{
	struct node node = {1, 2};

	sink = mean(2, 2.5, node);
	sink = half(sink, 1.5f);
	return half(1.0, 2.0f) > 3;
}
