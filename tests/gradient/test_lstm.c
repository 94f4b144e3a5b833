/* The reference LSTM in double: every gradient against central differences, with every option;
 * ranges that split the sequence against the whole; values of PyTorch's nn.LSTM. */
#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ref/ref.h"
#include "support/batch.h"
#include "support/gradient.h"
#include "support/tolerance.h"

enum { B = 10, T = 4, D = 3, H = 4, G = 4 * H, N = B * T, VOCABULARY = 7 };

/* Where the sequence is cut: up to three ranges. */
typedef struct split {
    int count, at[4];
} split;
static const split whole = {1, {0, T}};
static const split splits[] = {{1, {0, T}}, {2, {0, 1, T}}, {3, {0, 2, 3, T}}};

/* The function is a weighted sum of everything that forward gives. */
typedef struct problem {
    clt_test_batch batch;
    clt_lstm_config config;
    bool indexed;
    bool state; /* h0 and c0 are given and hT and cT count */
    bool drops; /* the recurrent product reads h through a mask */
    split cut;
    int row_count;
    size_t y_count;
    double kernel[D * G], recurrent[H * G], bias[G], rows[N * D], h0[B * H], c0[B * H];
    double mask[N * H];
    double dy[N * H], dh[B * H], dc[B * H]; /* the weights */
    double y[N * H], hT[B * H], cT[B * H];
    double dkernel[D * G], drecurrent[H * G], dbias[G], drows[N * D], dh0[B * H], dc0[B * H];
    double *saved;
} problem;

static problem *new_problem(bool reverse, bool sequence, bool indexed, bool state, split cut)
{
    problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->batch = clt_test_batch_create(B, T, VOCABULARY, 5);
    p->config =
        (clt_lstm_config){.features = D, .hidden = H, .reverse = reverse, .sequence = sequence};
    p->indexed = indexed;
    p->state = state;
    p->cut = cut;
    p->row_count = indexed ? p->batch.row_count : N;
    p->y_count = sequence ? N * H : B * H;
    p->saved = clt_test_doubles(clt_ref_lstm_saved_f64(&p->batch.extent, &p->config));
    double *arrays[] = {p->kernel, p->recurrent, p->bias, p->rows, p->h0,
                        p->c0,     p->dy,        p->dh,   p->dc,   p->mask};
    const size_t counts[] = {D * G, H * G, G, N * D, B * H, B * H, N * H, B * H, B * H, N * H};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        clt_test_normal_f64(arrays[k], counts[k], 0.5, k + 1);
    }
    return p;
}

static void free_problem(problem *p)
{
    clt_test_batch_free(&p->batch);
    free(p->saved);
    free(p);
}

/* The k-th range in the direction of time. */
static clt_lstm_range range_of(const problem *p, int k)
{
    int place = p->config.reverse ? p->cut.count - 1 - k : k;
    return (clt_lstm_range){p->cut.at[place], p->cut.at[place + 1]};
}

static void forward(problem *p)
{
    for (int k = 0; k < p->cut.count; k++) {
        const double *h = k > 0 ? p->hT : p->state ? p->h0 : NULL;
        const double *c = k > 0 ? p->cT : p->state ? p->c0 : NULL;
        clt_ref_lstm_forward_f64(&p->batch.extent, &p->config, range_of(p, k), p->kernel,
                                 p->recurrent, p->bias, p->rows, p->row_count,
                                 p->indexed ? p->batch.index : NULL, p->drops ? p->mask : NULL, h,
                                 c, p->y, p->hT, p->cT, p->saved);
    }
}

static double function(void *context)
{
    problem *p = context;
    double sum = 0.0;
    forward(p);
    for (size_t k = 0; k < p->y_count; k++) {
        sum += p->dy[k] * p->y[k];
    }
    for (size_t k = 0; k < B * H && p->state; k++) {
        sum += p->dh[k] * p->hT[k] + p->dc[k] * p->cT[k];
    }
    return sum;
}

static void backward(problem *p)
{
    double dh[B * H], dc[B * H];
    for (int k = p->cut.count - 1; k >= 0; k--) {
        bool last = k == p->cut.count - 1;
        const double *dhT = !last ? dh : p->state ? p->dh : NULL;
        const double *dcT = !last ? dc : p->state ? p->dc : NULL;
        clt_ref_lstm_backward_f64(
            &p->batch.extent, &p->config, range_of(p, k), p->kernel, p->recurrent, p->rows,
            p->row_count, p->indexed ? p->batch.index : NULL, p->indexed ? p->batch.offsets : NULL,
            p->indexed ? p->batch.positions : NULL, p->config.sequence || last ? p->dy : NULL, dhT,
            dcT, p->saved, p->drows, p->dkernel, p->drecurrent, p->dbias, p->dh0, p->dc0);
        memcpy(dh, p->dh0, sizeof dh);
        memcpy(dc, p->dc0, sizeof dc);
    }
}

static void check_gradients(problem *p)
{
    forward(p);
    backward(p);
    clt_test_assert_gradient("kernel", function, p, p->kernel, p->dkernel, D * G);
    clt_test_assert_gradient("recurrent_kernel", function, p, p->recurrent, p->drecurrent, H * G);
    clt_test_assert_gradient("bias", function, p, p->bias, p->dbias, G);
    clt_test_assert_gradient("rows", function, p, p->rows, p->drows, (size_t)p->row_count * D);
    if (p->state) {
        clt_test_assert_gradient("h0", function, p, p->h0, p->dh0, B * H);
        clt_test_assert_gradient("c0", function, p, p->c0, p->dc0, B * H);
    }
}

static void test_every_option(void **state)
{
    /* From no masked step to nothing else, in both shards. */
    static const int32_t start[B] = {0, 1, 1, 3, 4, 0, 0, 2, 2, 4};
    (void)state;
    for (int options = 0; options < 64; options++) {
        for (size_t k = 0; k < sizeof splits / sizeof *splits; k++) {
            problem *p = new_problem(options & 1, options & 2, options & 4, options & 8, splits[k]);
            p->drops = options & 16;
            p->batch.extent.start = options & 32 ? start : NULL;
            print_message("reverse %d sequence %d index %d state %d drops %d masked %d ranges %d\n",
                          options & 1, options >> 1 & 1, options >> 2 & 1, options >> 3 & 1,
                          options >> 4 & 1, options >> 5, splits[k].count);
            check_gradients(p);
            free_problem(p);
        }
    }
}

/* ---- two directions ---------------------------------------------------------------------------
 */

typedef struct two_directions {
    clt_test_batch batch;
    clt_lstm_config config[2];
    size_t y_count;
    double kernel[2][D * G], recurrent[2][H * G], bias[2][G], rows[N * D], dy[N * 2 * H];
    double dkernel[2][D * G], drecurrent[2][H * G], dbias[2][G], drows[N * D];
    double *saved[2];
} two_directions;

static double function_of_two(void *context)
{
    two_directions *p = context;
    double y[N * 2 * H], sum = 0.0;
    for (int k = 0; k < 2; k++) {
        clt_ref_lstm_forward_f64(&p->batch.extent, &p->config[k], (clt_lstm_range){0, T},
                                 p->kernel[k], p->recurrent[k], p->bias[k], p->rows,
                                 p->batch.row_count, p->batch.index, NULL, NULL, NULL, y, NULL,
                                 NULL, p->saved[k]);
    }
    for (size_t k = 0; k < p->y_count; k++) {
        sum += p->dy[k] * y[k];
    }
    return sum;
}

/* Two directions side by side in y, whose gradients meet in the rows they read. */
static void test_two_directions(void **state)
{
    (void)state;
    for (int sequence = 0; sequence < 2; sequence++) {
        two_directions *p = calloc(1, sizeof *p);
        assert_non_null(p);
        p->batch = clt_test_batch_create(B, T, VOCABULARY, 5);
        p->y_count = (size_t)(sequence ? N : B) * 2 * H;
        clt_test_normal_f64(p->rows, N * D, 0.5, 1);
        clt_test_normal_f64(p->dy, N * 2 * H, 0.5, 2);
        for (int k = 0; k < 2; k++) {
            uint64_t seed = 3 + 3 * (uint64_t)k;
            p->config[k] = (clt_lstm_config){.features = D,
                                             .hidden = H,
                                             .reverse = k,
                                             .sequence = sequence,
                                             .width = 2 * H,
                                             .column = k * H,
                                             .adds_drows = k};
            clt_test_normal_f64(p->kernel[k], D * G, 0.5, seed);
            clt_test_normal_f64(p->recurrent[k], H * G, 0.5, seed + 1);
            clt_test_normal_f64(p->bias[k], G, 0.5, seed + 2);
            p->saved[k] = clt_test_doubles(clt_ref_lstm_saved_f64(&p->batch.extent, &p->config[k]));
        }
        (void)function_of_two(p);
        for (int k = 0; k < 2; k++) {
            clt_ref_lstm_backward_f64(&p->batch.extent, &p->config[k], (clt_lstm_range){0, T},
                                      p->kernel[k], p->recurrent[k], p->rows, p->batch.row_count,
                                      p->batch.index, p->batch.offsets, p->batch.positions, p->dy,
                                      NULL, NULL, p->saved[k], p->drows, p->dkernel[k],
                                      p->drecurrent[k], p->dbias[k], NULL, NULL);
        }
        size_t rows = (size_t)p->batch.row_count * D;
        clt_test_assert_gradient("rows", function_of_two, p, p->rows, p->drows, rows);
        for (int k = 0; k < 2; k++) {
            clt_test_assert_gradient("kernel", function_of_two, p, p->kernel[k], p->dkernel[k],
                                     D * G);
            clt_test_assert_gradient("recurrent_kernel", function_of_two, p, p->recurrent[k],
                                     p->drecurrent[k], H * G);
            clt_test_assert_gradient("bias", function_of_two, p, p->bias[k], p->dbias[k], G);
        }
        free(p->saved[0]);
        free(p->saved[1]);
        clt_test_batch_free(&p->batch);
        free(p);
    }
}

static void test_a_wrong_gradient_is_seen(void **state)
{
    (void)state;
    problem *p = new_problem(false, false, true, true, whole);
    forward(p);
    backward(p);
    p->dkernel[D * G - 1] += 1e-6;
    assert_true(clt_test_gradient_error(function, p, p->kernel, p->dkernel, D * G) >
                CLT_TOLERANCE_DIFFERENCES);
    p->dkernel[D * G - 1] = NAN;
    assert_true(isnan(clt_test_gradient_error(function, p, p->kernel, p->dkernel, D * G)));
    free_problem(p);
}

static void assert_close(const char *what, const double *got, const double *want, size_t count,
                         double tolerance)
{
    for (size_t k = 0; k < count; k++) {
        if (!(fabs(got[k] - want[k]) <= tolerance)) {
            fail_msg("%s[%zu]: %.17g, not %.17g", what, k, got[k], want[k]);
        }
    }
}

static void test_ranges_equal_the_whole(void **state)
{
    (void)state;
    for (int options = 0; options < 8; options++) {
        bool reverse = options & 1, sequence = options & 2, indexed = options & 4;
        problem *one = new_problem(reverse, sequence, indexed, true, whole);
        forward(one);
        backward(one);
        for (size_t k = 1; k < sizeof splits / sizeof *splits; k++) {
            problem *p = new_problem(reverse, sequence, indexed, true, splits[k]);
            forward(p);
            backward(p);
            /* What is not a sum over samples has the same bits; so has what the last call forms
             * from all gate gradients. */
            assert_memory_equal(p->y, one->y, p->y_count * sizeof *p->y);
            assert_memory_equal(p->hT, one->hT, sizeof p->hT);
            assert_memory_equal(p->cT, one->cT, sizeof p->cT);
            assert_memory_equal(p->dh0, one->dh0, sizeof p->dh0);
            assert_memory_equal(p->dc0, one->dc0, sizeof p->dc0);
            assert_memory_equal(p->drows, one->drows, sizeof p->drows);
            assert_memory_equal(p->dkernel, one->dkernel, sizeof p->dkernel);
            assert_memory_equal(p->dbias, one->dbias, sizeof p->dbias);
            assert_close("drecurrent_kernel", p->drecurrent, one->drecurrent, H * G, 1e-13);
            free_problem(p);
        }
        free_problem(one);
    }
}

static void test_an_index_equals_expanded_rows(void **state)
{
    (void)state;
    problem *p = new_problem(true, true, true, true, whole);
    problem *q = new_problem(true, true, false, true, whole);
    double sums[N * D];
    clt_ref_expand_f64(p->rows, D, p->batch.index, N, q->rows);
    forward(p);
    forward(q);
    assert_memory_equal(p->y, q->y, sizeof p->y);
    backward(p);
    backward(q);
    clt_ref_segment_sum_f64(&q->batch.extent, p->row_count, D, q->batch.offsets, q->batch.positions,
                            q->drows, sums);
    assert_close("drows", p->drows, sums, (size_t)p->row_count * D, 1e-12);
    assert_close("dkernel", p->dkernel, q->dkernel, D * G, 1e-12);
    assert_close("dbias", p->dbias, q->dbias, G, 1e-12);
    assert_memory_equal(p->drecurrent, q->drecurrent, sizeof p->drecurrent);
    free_problem(p);
    free_problem(q);
}

static void test_parameters_accumulate_and_rows_do_not(void **state)
{
    (void)state;
    problem *p = new_problem(false, true, true, true, whole);
    forward(p);
    backward(p);
    problem once = *p;
    backward(p);
    for (int k = 0; k < G; k++) {
        assert_true(fabs(p->dbias[k] - 2 * once.dbias[k]) < 1e-12);
        assert_true(fabs(p->dkernel[k] - 2 * once.dkernel[k]) < 1e-12);
        assert_true(fabs(p->drecurrent[k] - 2 * once.drecurrent[k]) < 1e-12);
    }
    assert_memory_equal(p->drows, once.drows, sizeof p->drows);
    free_problem(p);
}

/* ---- PyTorch 2, nn.LSTM(2, 2) in float64, one sample of three steps. Its gate order i, f, g, o is
 * Keras's i, f, c, o; weight_ih_l0 and weight_hh_l0 are the transposes of kernel and
 * recurrent_kernel; bias_hh_l0 is 0. The gradients are those of sum(h_T) + 2 sum(c_T). --------- */

typedef struct known_answer {
    double y[6], cT[2], dx[6], dkernel[16], drecurrent[16], dbias[8], dh0[2], dc0[2];
} known_answer;

static const double torch_kernel[16] = {-0.625, 0.0, 0.625, -0.875, -0.25, 0.375, 1.0,   -0.5,
                                        -0.875, 0.0, 0.875, -0.375, 0.5,   -0.75, 0.125, 1.0};
static const double torch_recurrent[16] = {-0.75, 0.625,  -0.125, -0.875, 0.5,   -0.25,
                                           -1.0,  0.375,  -0.375, 0.0,    0.375, 0.75,
                                           -1.0,  -0.625, -0.25,  0.125};
static const double torch_bias[8] = {-0.25, -0.5, 0.3125, 0.0625, -0.1875, -0.4375, 0.375, 0.125};
static const double torch_x[6] = {1.0, -0.5, 0.25, 0.75, -1.5, 0.5};
static const double torch_h0[2] = {0.5, -0.25}, torch_c0[2] = {-0.75, 1.25};

static const known_answer torch_answers[2] = {
    {/* forward in time */
     .y = {-0.3259075840722388, 0.1323516172640611, -0.3003908131083354, -0.01954207256682659,
           -0.005267628151349893, -0.2349545713776976},
     .cT = {-0.01650154156056494, -0.3112857438027563},
     .dx = {-0.1458887639649733, -0.1723842549054392, -0.1807977836144124, -0.05571480976579241,
            -0.4626062031647474, 0.06531523304680609},
     .dkernel = {-0.2909176532611904, 0.7679506871544908, 0.1883131597526952, 0.1445986769429611,
                 -1.594856018454524, -0.1339296613981972, 0.004829691147895802, 0.04698878733449127,
                 0.0686174969097761, -0.411123176265454, -0.1221007191827685, 0.03591224467477176,
                 0.7661124841838016, 0.1639793319081952, -0.01376976415956103,
                 -0.0009413551550150646},
     .drecurrent = {-0.05361971724602405, 0.2319321665302044, 0.02812174688940415,
                    0.01251443828262729, -0.3619975033858869, -0.04054312564381053,
                    0.007116003054890425, -0.004783304052486467, 0.0004304314711614972,
                    -0.02263590109261465, 0.0316704832920481, -0.007804526398010006,
                    -0.05120036598176703, -0.02563895983359997, -0.002520853337563362,
                    0.01087005056472721},
     .dbias = {0.08525871597571387, -0.6602175440995224, -0.5162452004815834, 0.2033276394578435,
               1.926173618095921, 0.5958199107585942, -0.01463636554965532, -0.07461237021290709},
     .dh0 = {0.06681689671984067, -0.3732710935604543},
     .dc0 = {0.5203408430699612, 0.09857076915451421}},
    {/* reverse: x and y flipped in time around the same module */
     .y = {-0.1700615001664917, 0.02638281132569063, -0.002297932966747585, -0.08526608605919678,
           0.009136821609931501, 0.3129425476861153},
     .cT = {-0.2181611562669803, 0.09065270229028188},
     .dx = {0.3208386260128813, 0.1714035098308139, -0.08118895191199586, 0.3528485886433974,
            -0.4066222117997442, -0.3178991337244493},
     .dkernel = {-0.8470284417139782, 0.08482177233137979, 0.4715359554199006, 0.07608084764864793,
                 0.3184283749053825, 0.8090577426662555, -0.03899471699236754, 0.06370428712548276,
                 0.2838213629857861, -0.056692282731416, -0.1412314698642341, -0.01637108702066716,
                 0.1671875749274195, -0.3980728751305789, 0.01844214772313995,
                 0.001313478538897551},
     .drecurrent = {0.1577784540567665, 0.03452130559868008, -0.1562117930712379,
                    -0.04654895158523159, 0.1975823511006037, -0.01923129684437451,
                    0.001229583975642979, -0.01220226281632638, -0.07014950149324156,
                    -0.03241158279404506, 0.08423460280044837, 0.02815385607635322,
                    -0.01257071470470802, -0.0566535344906629, 0.002270484245885966,
                    0.0142642140138195},
     .dbias = {-0.1112531427781499, 0.2621553873031505, -0.2963946694931782, -0.158736925583887,
               1.656520726487593, 0.7197691115286123, -0.03363874505613183, 0.02459676706613349},
     .dh0 = {0.1200931717819408, -0.6772624553441009},
     .dc0 = {0.71275525833015, -0.2057579722700772}},
};

static void test_known_answer(void **state)
{
    (void)state;
    const clt_extent extent = clt_extent_of(1, 3);
    const double dhT[2] = {1, 1}, dcT[2] = {2, 2};
    for (int reverse = 0; reverse < 2; reverse++) {
        const known_answer *want = &torch_answers[reverse];
        const clt_lstm_config config = {
            .features = 2, .hidden = 2, .reverse = reverse, .sequence = true};
        const clt_lstm_range all = {0, 3};
        known_answer got = {.y = {0}};
        double hT[2], *saved = clt_test_doubles(clt_ref_lstm_saved_f64(&extent, &config));
        clt_ref_lstm_forward_f64(&extent, &config, all, torch_kernel, torch_recurrent, torch_bias,
                                 torch_x, 3, NULL, NULL, torch_h0, torch_c0, got.y, hT, got.cT,
                                 saved);
        clt_ref_lstm_backward_f64(&extent, &config, all, torch_kernel, torch_recurrent, torch_x, 3,
                                  NULL, NULL, NULL, NULL, dhT, dcT, saved, got.dx, got.dkernel,
                                  got.drecurrent, got.dbias, got.dh0, got.dc0);
        assert_close("hT", hT, want->y + (reverse ? 0 : 4), 2, 1e-14);
        assert_close("y", got.y, want->y, 6, 1e-14);
        assert_close("cT", got.cT, want->cT, 2, 1e-14);
        assert_close("dx", got.dx, want->dx, 6, 1e-14);
        assert_close("dkernel", got.dkernel, want->dkernel, 16, 1e-14);
        assert_close("drecurrent_kernel", got.drecurrent, want->drecurrent, 16, 1e-14);
        assert_close("dbias", got.dbias, want->dbias, 8, 1e-14);
        assert_close("dh0", got.dh0, want->dh0, 2, 1e-14);
        assert_close("dc0", got.dc0, want->dc0, 2, 1e-14);
        free(saved);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_option),
        cmocka_unit_test(test_two_directions),
        cmocka_unit_test(test_a_wrong_gradient_is_seen),
        cmocka_unit_test(test_ranges_equal_the_whole),
        cmocka_unit_test(test_an_index_equals_expanded_rows),
        cmocka_unit_test(test_parameters_accumulate_and_rows_do_not),
        cmocka_unit_test(test_known_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
