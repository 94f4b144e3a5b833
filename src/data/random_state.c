/* random_state.c: MT19937 and the shuffle of NumPy's RandomState
 * (numpy/random/src/mt19937/mt19937.c, numpy/random/mtrand.pyx). */
#include "data/random_state.h"

enum { WORDS = CLT_RANDOM_STATE_WORDS, SHIFT = 397 };

void clt_random_state_seed(clt_random_state *state, uint32_t seed)
{
    state->words[0] = seed;
    for (int k = 1; k < WORDS; k++) {
        uint32_t last = state->words[k - 1];
        state->words[k] = UINT32_C(1812433253) * (last ^ (last >> 30)) + (uint32_t)k;
    }
    state->next = WORDS;
}

static void generate(clt_random_state *state)
{
    uint32_t *words = state->words;
    for (int k = 0; k < WORDS; k++) {
        uint32_t y = (words[k] & 0x80000000u) | (words[(k + 1) % WORDS] & 0x7fffffffu);
        words[k] = words[(k + SHIFT) % WORDS] ^ (y >> 1) ^ ((y & 1u) * 0x9908b0dfu);
    }
    state->next = 0;
}

uint32_t clt_random_state_u32(clt_random_state *state)
{
    if (state->next == WORDS) {
        generate(state);
    }
    uint32_t y = state->words[state->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

/* 0 .. max, by drawing as many bits as max has until they fit (NumPy's random_interval). */
static uint32_t interval(clt_random_state *state, uint32_t max)
{
    uint32_t mask = max, value;
    for (int shift = 1; shift < 32; shift *= 2) {
        mask |= mask >> shift;
    }
    do {
        value = clt_random_state_u32(state) & mask;
    } while (value > max);
    return value;
}

void clt_random_state_shuffle(clt_random_state *state, uint32_t *items, size_t count)
{
    for (size_t k = count; k > 1; k--) {
        size_t other = interval(state, (uint32_t)(k - 1));
        uint32_t item = items[k - 1];
        items[k - 1] = items[other];
        items[other] = item;
    }
}
