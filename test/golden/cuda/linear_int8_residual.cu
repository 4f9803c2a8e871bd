// kernel
// What    out0 = residual(in3, linear(in0, in1, in2))
// Shapes  in0 [T, 96] bf16
//         in1 [70, 96] i8 in swizzled tiles of 64 rows, fragment order
//         in2 [70] f32
//         in3 [T, 70] bf16
//         out0 [T, 70] bf16
// Launch  grid 5, block 128: 16 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 16384 bytes of weights
struct kernel_cluster {
  const dp::bf16 *in0;
  const dp::u8 *in1; // weight
  const float *in2; // weight
  const dp::bf16 *in3;
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 96;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 4;
  static constexpr int kBlockColumns = 16;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {70};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = false;
  static constexpr bool kIsReduced = false;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = false;

  DP_METHOD auto row(int row) const {
    return in0 + dp::i64(row) * 96;
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::u8, 70, 96, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in1};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    const float v0 = dp::load_weight(in2 + column);
    const float linear = sums[0] * v0;
    const float v1 = dp::to_float(dp::load(in3 + dp::i64(row) * 96 + column));
    const float v2 = 3.5565588f * v1;
    const float v3 = 1.0f * linear;
    const float residual = v2 + v3;
    dp::store(out0 + dp::i64(row) * 96 + column, dp::convert<dp::bf16>(residual));
  }

  DP_METHOD void clear(skeletons::Part<0>, int row, int column) const {
    dp::store(out0 + dp::i64(row) * 96 + column, dp::convert<dp::bf16>(0.0f));
  }
};

DP_KERNEL(128) kernel(
    const dp::bf16 *in0,
    const dp::u8 *__restrict__ in1,
    const float *__restrict__ in2,
    const dp::bf16 *in3,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, in1, in2, in3, out0, dims};
  skeletons::matmul(cluster, dp::block(), {});
}
DP_EXPORT(kernel)
