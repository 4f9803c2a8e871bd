// kernel
// What    out0 = silu(linear(in0, in1))
// Shapes  in0 [T, 64] bf16
//         in1 [192, 64] bf16 in swizzled tiles of 64 rows, natural order
//         out0 [T, 192] bf16
// Launch  grid 6, block 128: 32 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 24576 bytes of weights
struct kernel_cluster {
  const dp::bf16 *in0;
  const dp::bf16 *in1; // weight
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 64;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 4;
  static constexpr int kBlockColumns = 32;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {192};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = false;
  static constexpr bool kIsReduced = false;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = false;

  DP_METHOD auto row(int row) const {
    return in0 + dp::i64(row) * 64;
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 192, 64, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in1};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    const float v0 = -sums[0];
    const float v1 = dp::exp(v0);
    const float v2 = 1.0f + v1;
    const float v3 = 1.0f / v2;
    const float silu = sums[0] * v3;
    dp::store(out0 + dp::i64(row) * 192 + column, dp::convert<dp::bf16>(silu));
  }
};

DP_KERNEL(128) kernel(
    const dp::bf16 *in0,
    const dp::bf16 *__restrict__ in1,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, in1, out0, dims};
  skeletons::matmul(cluster, dp::block(), {});
}
DP_EXPORT(kernel)
