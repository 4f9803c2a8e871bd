// kernel
// What    out0 = router(in0)#0
//         out1 = router(in0)#1
// Shapes  in0 [T, 4] f32
//         out0 [T, 2] i32
//         out1 [T, 2] f32
// Launch  grid ceil(T / 1), block 256: a warp for each of 1 rows
// Bound   latency: top-k by one warp
struct kernel_cluster {
  const float *in0;
  dp::i32 *out0;
  float *out1;
  const dp::i64 *dims;

  static constexpr int kPer = 1;
  static constexpr int kWarps = 8;
  static constexpr int kExperts = 4;
  static constexpr int kChoices = 2;

  DP_METHOD float logit(int row, int expert) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 32 + expert);
    return v0;
  }

  DP_METHOD void store_choice(int row, int choice, int id, float weight) const {
    dp::store(out0 + dp::i64(row) * 2 + choice, id);
    dp::store(out1 + dp::i64(row) * 32 + choice, weight);
  }

  DP_METHOD void clear_choice(int row, int column) const {
    dp::store(out1 + dp::i64(row) * 32 + column, 0.0f);
  }
};

DP_KERNEL(256) kernel(
    const float *in0,
    dp::i32 *out0,
    float *out1,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, out0, out1, dims};
  skeletons::routing(cluster, dp::block(), {});
}
DP_EXPORT(kernel)
