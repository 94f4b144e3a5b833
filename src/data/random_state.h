/* random_state.h: NumPy's legacy generator, numpy.random.RandomState (MT19937; Matsumoto and
 * Nishimura, "Mersenne Twister", 1998), as far as Keras's load_data uses it. For our own random
 * numbers there is util/random.h. */
#ifndef CLT_DATA_RANDOM_STATE_H
#define CLT_DATA_RANDOM_STATE_H

#include <stddef.h>
#include <stdint.h>

#define CLT_RANDOM_STATE_WORDS 624

typedef struct clt_random_state {
    uint32_t words[CLT_RANDOM_STATE_WORDS];
    int next;
} clt_random_state;

/* RandomState(seed) */
void clt_random_state_seed(clt_random_state *state, uint32_t seed);
uint32_t clt_random_state_u32(clt_random_state *state);

/* RandomState.shuffle(items); count <= 2^32. */
void clt_random_state_shuffle(clt_random_state *state, uint32_t *items, size_t count);

#endif
