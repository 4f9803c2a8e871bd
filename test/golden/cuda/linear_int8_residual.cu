// kernel
// What    out0 = residual(in3, linear(in0, in1, in2))
// Shapes  in0 [T, 96] bf16
//         in1 [70, 96] i8 in swizzled tiles of 64 rows, fragment order
//         in2 [70] f32
//         in3 [T, 70] bf16
//         out0 [T, 70] bf16
// Launch  grid 5, block 128; a warp does 4 columns at a time, for 8 rows at a time
// Bound   memory: 16384 bytes of weights for every 8 rows
DP_KERNEL(128)
kernel(
    const dp::bf16 *__restrict__ in0,
    const dp::u8 *__restrict__ in1,
    const float *__restrict__ in2,
    const dp::bf16 *__restrict__ in3,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 4, 18);
  for (int panel = dp::block() * 4 + dp::warp(); panel < lastPanel; panel += 4) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 8) {
      const int count = dp::min(numRows - firstRow, 8);
      float sums0[8][4] = {};
      for (int k = dp::lane() * 16; k < 128; k += 512) {
        dp::Vector<dp::u8, 16> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<16>(dp::swizzled_chunk<64, 1>(in1, panel * 4 + c, k));
        DP_UNROLL
        for (int r = 0; r < 8; ++r) {
          if (r < count) {
            const auto x = dp::load_fragment<96>(in0 + dp::i64(firstRow + r) * 96, k);
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
      if (dp::lane() / 4 < count && column < 70) {
        const float v0 = in2[column];
        const float linear = sum0 * v0;
        const float v1 = dp::to_float(in3[dp::i64(row) * 96 + column]);
        const float v2 = 3.5565588f * v1;
        const float v3 = 1.0f * linear;
        const float residual = v2 + v3;
        out0[dp::i64(row) * 96 + column] = dp::convert<dp::bf16>(residual);
      }
      if (panel == 17) {
        for (int r = 0; r < count; ++r) {
          if (dp::lane() < 26)
            out0[dp::i64(firstRow + r) * 96 + 70 + dp::lane()] = dp::convert<dp::bf16>(0.0f);
        }
      }
    }
  }
}
DP_EXPORT(kernel)
