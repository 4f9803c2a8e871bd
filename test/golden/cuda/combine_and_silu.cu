// kernel
// What    out0 = combine(in0, in1)
//         out1 = silu(in0)
// Shapes  in0 [T, 2, 40] bf16
//         in1 [T, 2] f32
//         out0 [T, 40] f32
//         out1 [T, 2, 40] bf16
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
struct kernel_cluster {
  const dp::bf16 *in0;
  const float *in1;
  float *out0;
  dp::bf16 *out1;
  const dp::i64 *dims;

  static constexpr int kPer = 1;
  static constexpr int kParts = 2;
  static constexpr int kInner[] = {1, 2};
  static constexpr int kColumns[] = {40, 40};

  DP_METHOD void store(skeletons::Part<0>, int row, int, int column) const {
    const float v0 = dp::load(in1 + dp::i64(row) * 32);
    const float v1 = dp::to_float(dp::load(in0 + (dp::i64(row) * 2) * 64 + column));
    const float v2 = v0 * v1;
    const float v3 = dp::load(in1 + dp::i64(row) * 32 + 1);
    const float v4 = dp::to_float(dp::load(in0 + (dp::i64(row) * 2 + 1) * 64 + column));
    const float v5 = v3 * v4;
    const float combine = v2 + v5;
    dp::store(out0 + dp::i64(row) * 64 + column, combine);
  }

  DP_METHOD void clear(skeletons::Part<0>, int row, int, int column) const {
    dp::store(out0 + dp::i64(row) * 64 + column, 0.0f);
  }

  DP_METHOD void store(skeletons::Part<1>, int row, int inner,
      int column) const {
    const float v0 = dp::to_float(dp::load(in0 + (dp::i64(row) * 2 + inner) * 64 + column));
    const float v1 = -v0;
    const float v2 = dp::exp(v1);
    const float v3 = 1.0f + v2;
    const float v4 = 1.0f / v3;
    const float silu = v0 * v4;
    dp::store(out1 + (dp::i64(row) * 2 + inner) * 64 + column, dp::convert<dp::bf16>(silu));
  }

  DP_METHOD void clear(skeletons::Part<1>, int row, int inner,
      int column) const {
    dp::store(out1 + (dp::i64(row) * 2 + inner) * 64 + column, dp::convert<dp::bf16>(0.0f));
  }
};

DP_KERNEL(256) kernel(
    const dp::bf16 *in0,
    const float *in1,
    float *out0,
    dp::bf16 *out1,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, in1, out0, out1, dims};
  skeletons::elementwise(cluster, dp::block(), {});
}
DP_EXPORT(kernel)
