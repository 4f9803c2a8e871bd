// kernel
// What    out0 = rms_norm(in0, in1)
//         out1 = silu(linear(rms_norm(in0, in1), in2, in3)#0)
//         out2 = linear(rms_norm(in0, in1), in2, in3)#1
// Shapes  in0 [T, 96] f32
//         in1 [96] bf16
//         in2 [192, 96] bf16 in swizzled tiles of 64 rows, natural order
//         in3 [64, 96] bf16 in swizzled tiles of 64 rows, natural order
//         out0 [T, 96] bf16
//         out1 [T, 192] bf16
//         out2 [T, 64] bf16
// Launch  grid 8, block 256: 32 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 65536 bytes of weights
struct kernel_cluster {
  const float *in0;
  const dp::bf16 *in1; // weight
  const dp::bf16 *in2; // weight
  const dp::bf16 *in3; // weight
  dp::bf16 *out0;
  dp::bf16 *out1;
  dp::bf16 *out2;
  const dp::i64 *dims;

  static constexpr int kDepth = 96;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 32;
  static constexpr int kParts = 2;
  static constexpr int kColumns[] = {192, 64};
  static constexpr int kProducts[] = {1, 1};
  static constexpr bool kIsMade = true;
  static constexpr bool kIsReduced = true;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = true;

  DP_METHOD float reduced(int row, int column) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 96 + column);
    return v0;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD float finish(float sum) const {
    const float v0 = sum / 96.0f;
    const float v1 = v0 + 1e-05f;
    const float v2 = dp::sqrt(v1);
    const float v3 = 1.0f / v2;
    return v3;
  }

  DP_METHOD float activation(int row, int column, float stat) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 96 + column);
    const float v1 = v0 * stat;
    const float v2 = dp::to_float(dp::load_weight(in1 + column));
    const float rms_norm = v1 * v2;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rms_norm));
    return rounded;
  }

  DP_METHOD void store_row(int row, int column, float stat) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 96 + column);
    const float v1 = v0 * stat;
    const float v2 = dp::to_float(dp::load_weight(in1 + column));
    const float rms_norm = v1 * v2;
    dp::store(out0 + dp::i64(row) * 96 + column, dp::convert<dp::bf16>(rms_norm));
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 192, 96, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in2};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    const float v0 = -sums[0];
    const float v1 = dp::exp(v0);
    const float v2 = 1.0f + v1;
    const float v3 = 1.0f / v2;
    const float silu = sums[0] * v3;
    dp::store(out1 + dp::i64(row) * 192 + column, dp::convert<dp::bf16>(silu));
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 64, 96, 64> matrix(
      skeletons::Part<1>, int) const {
    return {in3};
  }

  DP_METHOD void store(skeletons::Part<1>, int row, int column,
      const float (&sums)[1], float stat) const {
    dp::store(out2 + dp::i64(row) * 64 + column, dp::convert<dp::bf16>(sums[0]));
  }
};

DP_KERNEL(256) kernel(
    const float *in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    const dp::bf16 *__restrict__ in3,
    dp::bf16 *out0,
    dp::bf16 *out1,
    dp::bf16 *out2,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::matmul_shared_bytes<kernel_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, in1, in2, in3, out0, out1, out2, dims};
  skeletons::matmul(cluster, dp::block(), shared);
}
DP_EXPORT(kernel)
