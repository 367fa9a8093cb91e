/* Walks to compare with gdb: no C library, so that gdb's own record can record every instruction.
   gcc -nostdlib -static */

int table[8] = {5, 3, 8, 1, 9, 2, 7, 4};
int total;
int depth;
volatile int sink;

int twice(int n)
{
	return n + n;
}

int thrice(int n) { return n + n + n; }

int factorial(int n)
{
	if (n <= 1)
		return 1;
	return n * factorial(n - 1);
}

int is_odd(int n);

int is_even(int n)
{
	depth++;
	return n == 0 ? 1 : is_odd(n - 1);
}

int is_odd(int n)
{
	depth++;
	return n == 0 ? 0 : is_even(n - 1);
}

int apply(int (*function)(int), int n)
{
	int result;

	result = function(n);
	return result;
}

void sort(int *numbers, int count)
{
	for (int i = 1; i < count; i++) {
		int key = numbers[i];
		int j = i - 1;
		while (j >= 0 && numbers[j] > key) {
			numbers[j + 1] = numbers[j];
			j--;
		}
		numbers[j + 1] = key;
	}
}

int choose(int n)
{
	switch (n % 4) {
	case 0:
		return twice(n);
	case 1:
		sink = n;
		break;
	case 2:
		return thrice(n);
	default:
		sink = -n;
	}
	return sink;
}

/* Functions without line information: one that returns at once, one that calls back. */
int blind(int n);
int blind_call(int (*function)(int), int n);
#define ENTER ".cfi_startproc\n\tpush %rbp\n\t.cfi_def_cfa_offset 16\n\t.cfi_offset 6,-16\n\tmov %rsp,%rbp\n\t.cfi_def_cfa_register 6\n\t"
#define LEAVE "pop %rbp\n\t.cfi_def_cfa 7,8\n\tret\n\t.cfi_endproc\n"
__asm__(".pushsection .text.blind,\"ax\"\n"
	".globl blind\n.type blind,@function\n"
	"blind:\n\t" ENTER "lea 7(%rdi),%eax\n\t" LEAVE ".size blind,.-blind\n"
	".globl blind_call\n.type blind_call,@function\n"
	"blind_call:\n\t" ENTER "mov %rdi,%rax\n\tmov %esi,%edi\n\tcall *%rax\n\tinc %eax\n\t" LEAVE
	".size blind_call,.-blind_call\n"
	".popsection");

int main(void)
{
	int n = 0;

	for (int i = 0; i < 3; i++)
		total += twice(i);
	n = twice(twice(thrice(1)));
	n += factorial(4);
	n += is_even(5); n += is_odd(2);
	n += apply(twice, 4) + apply(thrice, 5);
	sort(table, 8);
	for (int i = 0; i < 4; i++) n += choose(i);
	n += blind(n);
	n += blind_call(twice, 3);
	if (n > 100 && twice(n) > 10)
		total = n;
	else
		total = -n;
	do {
		n -= 50;
	} while (n > 0);
	total += n;
	return total;
}

void _start(void)
{
	main();
	__asm__ volatile("mov $60,%eax; xor %edi,%edi; syscall");
}
