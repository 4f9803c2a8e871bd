// kernel
// What    out0 = mul(silu(expert_linear(in0, in1, in2, in3, in4, in5, in6, in7)#0), expert_linear(in0, in1, in2, in3, in4, in5, in6, in7)#1)
// Shapes  in0 [T, 64] bf16
//         in1 [T, 2] i32
//         in2 [T, 2] i32
//         in3 [5] i32
//         in4 [4, 96, 64] i8 in swizzled tiles of 64 rows, fragment order
//         in5 [4, 96, 64] i8 in swizzled tiles of 64 rows, fragment order
//         in6 [4, 96] f32
//         in7 [4, 96] f32
//         out0 [T, 2, 96] bf16
// Launch  grid 132, block 256: items of 64 pairs of an expert by 32 columns, in turn
// Bound   arithmetic: one product after the other
struct kernel_cluster {
  const dp::bf16 *in0;
  const dp::i32 *in1;
  const dp::i32 *in2;
  const dp::i32 *in3;
  const dp::u8 *in4; // weight
  const dp::u8 *in5; // weight
  const float *in6; // weight
  const float *in7; // weight
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 64;
  static constexpr int kExperts = 4;
  static constexpr int kChoices = 2;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 32;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {96};
  static constexpr int kProducts[] = {2};
  static constexpr bool kIsMade = false;
  static constexpr bool kCombines = false;
  static constexpr int kRows = 4;
  static constexpr int kTasks = 132;

  DP_METHOD int offset(int expert) const {
    const dp::i32 v0 = dp::load(in3 + expert);
    return v0;
  }

  DP_METHOD int pair(int place) const {
    return dp::load(in2 + place);
  }

  DP_METHOD auto row(int row, int) const {
    return in0 + dp::i64(row) * 64;
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::u8, 96, 64, 64> matrix(
      skeletons::Part<0>, int i, int expert) const {
    return {(i == 0 ? in4 : in5) + expert * skeletons::SwizzledMatrix<dp::u8, 96, 64, 64>::kElements};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int choice, int column,
      int expert, const float (&sums)[2]) const {
    const float v0 = dp::load_weight(in6 + dp::i64(expert) * 96 + column);
    const float expert_linear = sums[0] * v0;
    const float v1 = dp::load_weight(in7 + dp::i64(expert) * 96 + column);
    const float expert_linear_1 = sums[1] * v1;
    const float v2 = -expert_linear;
    const float v3 = dp::exp(v2);
    const float v4 = 1.0f + v3;
    const float v5 = 1.0f / v4;
    const float silu = expert_linear * v5;
    const float mul = silu * expert_linear_1;
    dp::store(out0 + (dp::i64(row) * 2 + choice) * 96 + column, dp::convert<dp::bf16>(mul));
  }
};

DP_KERNEL(256) kernel(
    const dp::bf16 *in0,
    const dp::i32 *in1,
    const dp::i32 *in2,
    const dp::i32 *in3,
    const dp::u8 *__restrict__ in4,
    const dp::u8 *__restrict__ in5,
    const float *__restrict__ in6,
    const float *__restrict__ in7,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::grouped_experts_shared_bytes<kernel_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const kernel_cluster cluster{in0, in1, in2, in3, in4, in5, in6, in7, out0, dims};
  skeletons::grouped_experts(cluster, dp::block(), shared);
}
DP_EXPORT(kernel)
