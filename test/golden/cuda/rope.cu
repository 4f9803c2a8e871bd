// kernel
// What    out0 = rope(in0, in1, in2)
// Shapes  in0 [T, 64] bf16
//         in1 [T, 4] f32
//         in2 [T, 4] f32
//         out0 [T, 64] bf16
// Launch  grid ceil(T / 4), 4 rows a block, block 64: a thread does every 64th column
// Bound   memory: each row once in and out
struct kernel_cluster {
  const dp::bf16 *in0;
  const float *in1;
  const float *in2;
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kPer = 4;
  static constexpr int kParts = 1;
  static constexpr int kInner[] = {1};
  static constexpr int kColumns[] = {64};

  DP_METHOD void store(skeletons::Part<0>, int row, int, int column) const {
    const int v0 = int(dp::u32(column) % dp::u32(16));
    const bool v1 = dp::u32(v0) < dp::u32(4);
    const bool v2 = dp::u32(v0) < dp::u32(8);
    const int v3 = column + 4;
    const int v4 = column - 4;
    const int v5 = v1 ? v3 : v4;
    const int v6 = v2 ? v5 : column;
    const int v7 = v0 - 4;
    const int v8 = v1 ? v0 : v7;
    const int v9 = v2 ? v8 : 0;
    const float v10 = dp::to_float(dp::load(in0 + dp::i64(row) * 64 + column));
    const float v11 = dp::to_float(dp::load(in0 + dp::i64(row) * 64 + v6));
    const float v12 = dp::load(in1 + dp::i64(row) * 32 + v9);
    const float v13 = dp::load(in2 + dp::i64(row) * 32 + v9);
    const float v14 = -v13;
    const float v15 = v1 ? v14 : v13;
    const float v16 = v10 * v12;
    const float v17 = v11 * v15;
    const float v18 = v16 + v17;
    const float rope = v2 ? v18 : v10;
    dp::store(out0 + dp::i64(row) * 64 + column, dp::convert<dp::bf16>(rope));
  }
};

DP_KERNEL(64) kernel(
    const dp::bf16 *in0,
    const float *in1,
    const float *in2,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, in1, in2, out0, dims};
  skeletons::elementwise(cluster, dp::block(), {});
}
DP_EXPORT(kernel)
