// kernel
// What    out0 = residual(in0, in1)
//         out1 = rms_norm(residual(in0, in1), in2)
// Shapes  in0 [T, 512] bf16
//         in1 [T, 512] bf16
//         in2 [512] bf16
//         out0 [T, 512] bf16
//         out1 [T, 512] bf16
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
struct kernel_cluster {
  const dp::bf16 *in0;
  const dp::bf16 *in1;
  const dp::bf16 *in2;
  dp::bf16 *out0;
  dp::bf16 *out1;
  const dp::i64 *dims;

  static constexpr int kPer = 1;
  static constexpr int kWarps = 8;
  static constexpr int kColumns = 512;

  DP_METHOD float reduced(int row, int column) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 544 + column));
    const float v1 = 3.5565588f * v0;
    const float v2 = dp::to_float(dp::load(in1 + dp::i64(row) * 544 + column));
    const float v3 = 1.0f * v2;
    const float residual = v1 + v3;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(residual));
    return rounded;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD float finish(float sum) const {
    const float v0 = sum / 512.0f;
    const float v1 = v0 + 1e-05f;
    const float v2 = dp::sqrt(v1);
    const float v3 = 1.0f / v2;
    return v3;
  }

  DP_METHOD void store(int row, int column, float x, float stat) const {
    const float v0 = x * stat;
    const float v1 = dp::to_float(dp::load(in2 + column));
    const float rms_norm = v0 * v1;
    dp::store(out0 + dp::i64(row) * 544 + column, dp::convert<dp::bf16>(x));
    dp::store(out1 + dp::i64(row) * 544 + column, dp::convert<dp::bf16>(rms_norm));
  }
};

DP_KERNEL(256) kernel(
    const dp::bf16 *in0,
    const dp::bf16 *in1,
    const dp::bf16 *in2,
    dp::bf16 *out0,
    dp::bf16 *out1,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::row_reduction_shared_bytes<kernel_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, in1, in2, out0, out1, dims};
  skeletons::row_reduction(cluster, dp::block(), shared);
}
DP_EXPORT(kernel)
