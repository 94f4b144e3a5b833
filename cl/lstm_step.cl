/* lstm_step.cl: the elementwise part of one LSTM time step; the products with the recurrent kernel
 * come before (forward) and after (backward) it from blas.
 *
 * Macro of the prelude: UNITS, neighbouring hidden units of one sample in a work-item.
 * Launch: B * ceil(H / UNITS) work-items, any work-group size; ids past the end do nothing.
 * Arrays in position order (src/util/shards.h): gates [N, 4H] i, f, c, o after their activations,
 * h_in, c_in [N, H] the state before the step (h_in as the product read it). start [B] or none:
 * before it sample b is masked, and its state passes. */

static int position(int T, int B, int S, int t, int b)
{
    const int s = (int)((((long)b + 1) * S - 1) / B); /* the shard of b: first[s] = s * B / S */
    const int first = (int)((long)s * B / S), end = (int)(((long)s + 1) * B / S);
    return T * first + t * (end - first) + b - first;
}

/* h, c [B, H]: the state, moved on by one step. z [B, 4H]: h . recurrent_kernel, or none.
 * index [N] or none; y: none, [B, width], or [N, width] with y_sequence, of which h begins at
 * `column`; gates none: nothing is saved. */
kernel void lstm_step_forward(int H, int T, int B, int S, int t, global const int *start,
                              global const float *restrict z,
                              global const float *restrict projected,
                              global const int *restrict index, global const float *restrict bias,
                              global float *restrict h, global float *restrict c,
                              global float *restrict y, int y_sequence, int width, int column,
                              global float *restrict gates, global float *restrict h_in,
                              global float *restrict c_in)
{
    const int blocks = (H - 1) / UNITS + 1;
    const int b = (int)get_global_id(0) / blocks, j0 = (int)get_global_id(0) % blocks * UNITS;
    if (b >= B) {
        return;
    }
    const size_t n = (size_t)position(T, B, S, t, b), G = 4 * (size_t)H;
    const int masked = start && t < start[b];
    for (int j = j0; j < min(j0 + UNITS, H) && masked; j++) {
        for (int g = 0; g < 4 && gates; g++) {
            gates[n * G + (size_t)g * H + j] = 0.0f;
        }
        if (gates) {
            h_in[n * H + j] = 0.0f; /* adds nothing to gradients */
        }
        if (y) {
            y[(y_sequence ? n : (size_t)b) * width + column + j] = h[(size_t)b * H + j];
        }
    }
    if (masked) {
        return;
    }
    global const float *x = projected + (index ? (size_t)index[n] : n) * G;
    for (int j = j0; j < min(j0 + UNITS, H); j++) {
        const size_t state = (size_t)b * H + j;
        float sums[4];
        for (int g = 0; g < 4; g++) {
            const size_t column = (size_t)g * H + j;
            sums[g] = x[column] + bias[column] + (z ? z[(size_t)b * G + column] : 0.0f);
        }
        const float i = clt_sigmoid(sums[0]), f = clt_sigmoid(sums[1]), g = clt_tanh(sums[2]);
        const float o = clt_sigmoid(sums[3]), c0 = c[state];
        const float c1 = fma(f, c0, i * g), h1 = o * clt_tanh(c1);
        if (gates) {
            gates[n * G + j] = i;
            gates[n * G + H + j] = f;
            gates[n * G + 2 * (size_t)H + j] = g;
            gates[n * G + 3 * (size_t)H + j] = o;
            h_in[n * H + j] = h[state];
            c_in[n * H + j] = c0;
        }
        if (y) {
            y[(y_sequence ? n : (size_t)b) * width + column + j] = h1;
        }
        c[state] = c1;
        h[state] = h1;
    }
}

/* h [B, H] *= mask [N, H] at time t: before a product, or of dh behind it. What passes a masked
 * step is not multiplied. */
kernel void lstm_step_mask(int H, int T, int B, int S, int t, global const int *start,
                           global const float *restrict mask, global float *restrict h)
{
    const int blocks = (H - 1) / UNITS + 1;
    const int b = (int)get_global_id(0) / blocks, j0 = (int)get_global_id(0) % blocks * UNITS;
    if (b >= B || (start && t < start[b])) {
        return;
    }
    const size_t n = (size_t)position(T, B, S, t, b);
    for (int j = j0; j < min(j0 + UNITS, H); j++) {
        h[(size_t)b * H + j] *= mask[n * H + j];
    }
}

/* dh, dc [B, H]: the gradients of the state after the step; dc becomes that of c before it.
 * dy: none, [B, width], or [N, width] with dy_sequence, of which it begins at `column`. The gate
 * gradients replace `gates` and are also written to dz [B, 4H]. With start, dh becomes what passes
 * the step beside them. */
kernel void lstm_step_backward(int H, int T, int B, int S, int t, global const int *start,
                               global const float *restrict dy, int dy_sequence, int width,
                               int column, global float *restrict dh, global float *restrict dc,
                               global float *restrict gates, global const float *restrict c_in,
                               global float *restrict dz)
{
    const int blocks = (H - 1) / UNITS + 1;
    const int b = (int)get_global_id(0) / blocks, j0 = (int)get_global_id(0) % blocks * UNITS;
    if (b >= B) {
        return;
    }
    const size_t n = (size_t)position(T, B, S, t, b), G = 4 * (size_t)H;
    global float *gate = gates + n * G;
    global float *dgate = dz + (size_t)b * G;
    const int masked = start && t < start[b];
    for (int j = j0; j < min(j0 + UNITS, H); j++) {
        const size_t state = (size_t)b * H + j;
        const size_t ji = (size_t)j, jf = (size_t)H + j, jg = 2 * (size_t)H + j,
                     jo = 3 * (size_t)H + j;
        const size_t row = dy_sequence ? n : (size_t)b;
        const float dh1 = dh[state] + (dy ? dy[row * width + column + j] : 0.0f);
        if (start) {
            dh[state] = masked ? dh1 : 0.0f;
        }
        if (masked) {
            dgate[ji] = dgate[jf] = dgate[jg] = dgate[jo] = 0.0f;
            continue;
        }
        const float i = gate[ji], f = gate[jf], g = gate[jg], o = gate[jo], c0 = c_in[n * H + j];
        const float tanh_c1 = clt_tanh(fma(f, c0, i * g));
        const float dc1 = fma(dh1 * o, fma(-tanh_c1, tanh_c1, 1.0f), dc[state]);
        gate[ji] = dgate[ji] = dc1 * g * (i * (1.0f - i));
        gate[jf] = dgate[jf] = dc1 * c0 * (f * (1.0f - f));
        gate[jg] = dgate[jg] = dc1 * i * fma(-g, g, 1.0f);
        gate[jo] = dgate[jo] = dh1 * tanh_c1 * (o * (1.0f - o));
        dc[state] = dc1 * f;
    }
}
