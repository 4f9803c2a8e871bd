// kernel
// What    out0 = group_tokens(in0)#0
//         out1 = group_tokens(in0)#1
// Shapes  in0 [T, 2] i32
//         out0 [T, 2] i32
//         out1 [5] i32
// Launch  grid 1, block 256: a stretch of pairs a warp
// Bound   latency: two passes over all pairs
struct kernel_cluster {
  const dp::i32 *in0;
  dp::i32 *out0;
  dp::i32 *out1;
  const dp::i64 *dims;

  static constexpr int kExperts = 4;
  static constexpr int kChoices = 2;
  static constexpr int kWarps = 8;

  DP_METHOD int expert(int pair) const {
    return dp::load(in0 + pair);
  }

  DP_METHOD void store_order(int place, int pair) const {
    return dp::store(out0 + place, pair);
  }

  DP_METHOD void store_offset(int expert, int place) const {
    return dp::store(out1 + expert, place);
  }
};

DP_KERNEL(256) kernel(
    const dp::i32 *in0,
    dp::i32 *out0,
    dp::i32 *out1,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::grouping_shared_bytes<kernel_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, out0, out1, dims};
  skeletons::grouping(cluster, dp::block(), shared);
}
DP_EXPORT(kernel)
