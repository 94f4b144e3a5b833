/* random.c: Philox4x32-10 and the streams drawn from it. */
#include "util/random.h"

#include <math.h>
#include <string.h>

void clt_philox(const uint32_t counter[4], uint64_t seed, uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t clt_dropout_word(uint64_t seed, uint32_t layer, uint32_t step, uint32_t sample, uint32_t t,
                          uint32_t feature)
{
    uint32_t counter[4] = {sample, t, feature / 4, CLT_RANDOM_DROPOUT + 256 * layer}, out[4];
    clt_philox(counter, seed + (uint64_t)step * 0x9E3779B97F4A7C15u, out);
    return out[feature % 4];
}

uint32_t clt_dropout_threshold(double rate)
{
    double threshold = ceil(rate * 0x1p32);
    return threshold < UINT32_MAX ? (uint32_t)threshold : UINT32_MAX;
}

clt_random clt_random_stream(uint64_t seed, clt_random_purpose purpose, uint32_t stream)
{
    return (clt_random){.seed = seed, .purpose = (uint32_t)purpose, .stream = stream};
}

uint32_t clt_random_u32(clt_random *random)
{
    uint32_t word = (uint32_t)(random->next % 4);
    if (word == 0) {
        uint64_t block = random->next / 4;
        uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), random->stream,
                               random->purpose};
        clt_philox(counter, random->seed, random->block);
    }
    random->next++;
    return random->block[word];
}

double clt_random_uniform(clt_random *random)
{
    return clt_random_u32(random) * 0x1p-32;
}

uint32_t clt_random_below(clt_random *random, uint32_t limit)
{
    /* Lemire's rejection ("Fast random integer generation in an interval", 2019). */
    uint32_t threshold = -limit % limit;
    for (;;) {
        uint64_t product = (uint64_t)clt_random_u32(random) * limit;
        if ((uint32_t)product >= threshold) {
            return (uint32_t)(product >> 32);
        }
    }
}

double clt_random_normal(clt_random *random)
{
    /* Box and Muller; the second number is dropped, so that n numbers use 2n words. */
    double u = (clt_random_u32(random) + 1.0) * 0x1p-32, v = clt_random_uniform(random);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925 * v);
}
