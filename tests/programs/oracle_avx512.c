/* AVX-512 by intrinsics: masked stores, gathers, scatters, mask registers, compression. */

#include <immintrin.h>
#include <stdio.h>

static int source[64], target[64];
static _Alignas(64) int table[64];

int main(void)
{
    __m512i places = _mm512_setr_epi32(3, 1, 4, 15, 9, 2, 6, 5, 35, 8, 7, 12, 30, 23, 50, 63);
    __m512i sum = _mm512_setzero_si512();
    int total = 0;

    for (int n = 0; n < 64; n++)
        source[n] = n * n - 100;
    for (int n = 0; n < 64; n += 16) {
        __m512i part = _mm512_loadu_si512(source + n);
        __mmask16 positive = _mm512_cmpgt_epi32_mask(part, _mm512_setzero_si512());

        _mm512_mask_storeu_epi32(target + n, positive, part);
        _mm512_mask_compressstoreu_epi32(table + n, _knot_mask16(positive), part);
        sum = _mm512_mask_add_epi32(sum, positive, sum, part);
    }
    sum = _mm512_add_epi32(sum, _mm512_i32gather_epi32(places, source, 4));
    _mm512_mask_i32scatter_epi32(table, 0x5a5a, places, sum, 4);
    for (int n = 0; n < 64; n++)
        total += table[n] + target[n];
    printf("%d\n", total);
    return 0;
}
