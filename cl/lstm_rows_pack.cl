/* lstm_rows_pack.cl: the recurrent kernel [H, 4H] in the panels of lstm_rows_tile.cl, which comes
 * before it. */

/* Forward: per block [H][4 gates][gate_lanes units], 0 past the last unit. Global: (BLOCKS, H). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_pack(global const float *recurrent_kernel, global float *packed)
{
    const int block = (int)get_global_id(0), k = (int)get_global_id(1);
    const int lanes = gate_lanes(block < H / LANES ? LANES : REST);
    global float *to = packed + (size_t)block * H * PANEL + (size_t)k * 4 * lanes;
    for (int column = 0; column < 4 * lanes; column++) {
        const int gate = column / lanes, j = block * LANES + column % lanes;
        to[column] = j < H ? recurrent_kernel[(size_t)k * G + gate * H + j] : 0.0f;
    }
}

/* Backward, transposed: per panel [4H][units, padded to whole vectors].
 * Global: (ceil(H / PANEL), 4H). */
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
lstm_rows_pack_transposed(global const float *recurrent_kernel, global float *packed)
{
    const int panel = (int)get_global_id(0), column = (int)get_global_id(1);
    const int first = panel * PANEL, units = min(PANEL, H - first);
    const int width = (units + LANES - 1) / LANES * LANES;
    global float *to = packed + (size_t)first * G + (size_t)column * width;
    for (int lane = 0; lane < width; lane++) {
        to[lane] = lane < units ? recurrent_kernel[(size_t)(first + lane) * G + column] : 0.0f;
    }
}
