// kernel
// What    out0 = silu(linear(in0, in1))
// Shapes  in0 [T, 64] bf16
//         in1 [192, 64] bf16 in swizzled tiles of 64 rows, natural order
//         out0 [T, 192] bf16
// Launch  grid 6, block 128; a warp does 4 columns at a time, for 8 rows at a time
// Bound   memory: 24576 bytes of weights for every 8 rows
DP_KERNEL(128)
kernel(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 8, 48);
  for (int panel = dp::block() * 8 + dp::warp(); panel < lastPanel; panel += 4) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 8) {
      const int count = dp::min(numRows - firstRow, 8);
      float sums0[8][4] = {};
      for (int k = dp::lane() * 8; k < 64; k += 256) {
        dp::Vector<dp::bf16, 8> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<8>(dp::swizzled_chunk<64, 1>(in1, panel * 4 + c, k));
        DP_UNROLL
        for (int r = 0; r < 8; ++r) {
          if (r < count) {
            const auto x = dp::load_vector<8>(in0 + dp::i64(firstRow + r) * 64 + k);
            DP_UNROLL
            for (int c = 0; c < 4; ++c) {
              sums0[r][c] = dp::dot(x, w0[c], sums0[r][c]);
            }
          }
        }
      }
      // Lane r * 4 + c finishes row r, column c.
      float sum0 = 0.0f;
      DP_UNROLL
      for (int r = 0; r < 8; ++r) {
        if (r < count) {
          DP_UNROLL
          for (int c = 0; c < 4; ++c) {
            const float all0 = dp::warp_sum(sums0[r][c]);
            sum0 = dp::lane() == r * 4 + c ? all0 : sum0;
          }
        }
      }
      const int row = firstRow + dp::lane() / 4;
      const int column = panel * 4 + dp::lane() % 4;
      if (dp::lane() / 4 < count && column < 192) {
        const float v0 = -sum0;
        const float v1 = dp::exp(v0);
        const float v2 = 1.0f + v1;
        const float v3 = 1.0f / v2;
        const float silu = sum0 * v3;
        out0[dp::i64(row) * 192 + column] = dp::convert<dp::bf16>(silu);
      }
    }
  }
}
DP_EXPORT(kernel)
