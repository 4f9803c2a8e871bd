// kernel
// What    out0 = residual(in4, norm_rows(linear(sigmoid_gate(in0, in1), in2), in3))
// Shapes  in0 [T, 64] bf16
//         in1 [T, 64] bf16
//         in2 [96, 64] bf16 in swizzled tiles of 64 rows, natural order
//         in3 [T, 4] f32
//         in4 [T, 96] bf16
//         out0 [T, 96] bf16
// Launch  grid 6, block 256: 16 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 16384 bytes of weights
struct kernel_cluster {
  const dp::bf16 *in0;
  const dp::bf16 *in1;
  const dp::bf16 *in2; // weight
  const float *in3;
  const dp::bf16 *in4;
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 64;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 16;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {96};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = true;
  static constexpr bool kIsReduced = false;
  static constexpr bool kHasRowStats = true;
  static constexpr bool kStoresRows = false;

  DP_METHOD float row_stat(int row) const {
    return skeletons::sum_of_parts<4>(in3 + dp::i64(row) * 32);
  }

  DP_METHOD float activation(int row, int column, float stat) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 64 + column));
    const float v1 = dp::to_float(dp::load(in1 + dp::i64(row) * 64 + column));
    const float v2 = -v1;
    const float v3 = dp::exp(v2);
    const float v4 = 1.0f + v3;
    const float v5 = 1.0f / v4;
    const float sigmoid_gate = v0 * v5;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(sigmoid_gate));
    return rounded;
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 96, 64, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in2};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    const float v0 = dp::to_float(dp::load(in4 + dp::i64(row) * 96 + column));
    const float v1 = 3.5f * v0;
    const float v2 = stat / 64.0f;
    const float v3 = v2 + 1e-06f;
    const float v4 = dp::sqrt(v3);
    const float v5 = 1.0f / v4;
    const float norm_rows = sums[0] * v5;
    const float v6 = 1.0f * norm_rows;
    const float residual = v1 + v6;
    dp::store(out0 + dp::i64(row) * 96 + column, dp::convert<dp::bf16>(residual));
  }
};

DP_KERNEL(256) kernel(
    const dp::bf16 *in0,
    const dp::bf16 *in1,
    const dp::bf16 *__restrict__ in2,
    const float *in3,
    const dp::bf16 *in4,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::matmul_shared_bytes<kernel_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, in1, in2, in3, in4, out0, dims};
  skeletons::matmul(cluster, dp::block(), shared);
}
DP_EXPORT(kernel)
