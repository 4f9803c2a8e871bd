// Made by mm1c. The words are those of kernels/dp, the loops those of
// kernels/skeletons; a task of the plan is a block.
#include "dp/dp.h"
#include "skeletons/attention.h"
#include "skeletons/elementwise.h"
#include "skeletons/experts.h"
#include "skeletons/lightning_attention.h"
#include "skeletons/matmul.h"
#include "skeletons/selection.h"
#include "skeletons/step.h"

// begin_0
// What    input ports, from the step block
// Launch  grid 1, block 256
// Bound   latency
DP_KERNEL(256)
begin_0(
    dp::i32 *tokens,
    dp::i32 *positions,
    dp::i32 *starts,
    dp::i32 *slots,
    dp::i32 *pages,
    dp::i32 *candidate_counts,
    float *inverse_temperatures,
    dp::i64 *dims, 
    const mm1::StepHeader *block, 
    mm1::SlotState *states) {
  dp::wait_grid();
  dp::trigger_grid();
  skeletons::begin(
      {.tokens = tokens,
       .positions = positions,
       .starts = starts,
       .slots = slots,
       .pages = pages,
       .candidate_counts = candidate_counts,
       .inverse_temperatures = inverse_temperatures},
      dims, block, states);
}
DP_EXPORT(begin_0)

// rope_angles_0
// What    out0 = rope_angles(in0, in1)#0
//         out1 = rope_angles(in0, in1)#1
// Shapes  in0 [T] i32
//         in1 [4] f32
//         out0 [T, 4] f32
//         out1 [T, 4] f32
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
struct rope_angles_0_cluster {
  const dp::i32 *in0;
  const float *in1; // weight
  float *out0;
  float *out1;
  const dp::i64 *dims;

  static constexpr int kPer = 1;
  static constexpr int kParts = 1;
  static constexpr int kInner[] = {1};
  static constexpr int kColumns[] = {4};

  DP_METHOD void store(skeletons::Part<0>, int row, int, int column) const {
    const dp::i32 v0 = dp::load(in0 + row);
    const float v1 = float(v0);
    const float v2 = dp::load_weight(in1 + column);
    const float v3 = v1 * v2;
    const double v4 = double(v3);
    const double v5 = dp::cos(v4);
    const float rope_angles = float(v5);
    const double v6 = dp::sin(v4);
    const float rope_angles_1 = float(v6);
    dp::store(out0 + dp::i64(row) * 32 + column, rope_angles);
    dp::store(out1 + dp::i64(row) * 32 + column, rope_angles_1);
  }

  DP_METHOD void clear(skeletons::Part<0>, int row, int, int column) const {
    dp::store(out0 + dp::i64(row) * 32 + column, 0.0f);
    dp::store(out1 + dp::i64(row) * 32 + column, 0.0f);
  }
};

DP_KERNEL(256) rope_angles_0(
    const dp::i32 *in0,
    const float *__restrict__ in1,
    float *out0,
    float *out1,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const rope_angles_0_cluster cluster{in0, in1, out0, out1, dims};
  skeletons::elementwise(cluster, dp::block(), {});
}
DP_EXPORT(rope_angles_0)

// embedding_rms_norm_linear_silu_0
// What    out0 = rms_norm(embedding(in0, in1), in2)
//         out1 = linear(rms_norm(embedding(in0, in1), in2), in3, in4)#1
//         out2 = silu(linear(rms_norm(embedding(in0, in1), in2), in3, in4)#0)
// Shapes  in0 [T] i32
//         in1 [96, 32] bf16
//         in2 [32] bf16
//         in3 [192, 32] bf16 in swizzled tiles of 64 rows, natural order
//         in4 [64, 32] bf16 in swizzled tiles of 64 rows, natural order
//         out0 [T, 32] bf16
//         out1 [T, 64] bf16
//         out2 [T, 192] bf16
// Launch  grid 32, block 256: 8 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 32768 bytes of weights
struct embedding_rms_norm_linear_silu_0_cluster {
  const dp::i32 *in0;
  const dp::bf16 *in1; // weight
  const dp::bf16 *in2; // weight
  const dp::bf16 *in3; // weight
  const dp::bf16 *in4; // weight
  dp::bf16 *out0;
  dp::bf16 *out1;
  dp::bf16 *out2;
  const dp::i64 *dims;

  static constexpr int kDepth = 32;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 2;
  static constexpr int kColumns[] = {192, 64};
  static constexpr int kProducts[] = {1, 1};
  static constexpr bool kIsMade = true;
  static constexpr bool kIsReduced = true;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = true;

  DP_METHOD float reduced(int row, int column) const {
    const dp::i32 v0 = dp::load(in0 + row);
    const int v1 = int(v0);
    const float embedding = dp::to_float(dp::load_weight(in1 + dp::i64(v1) * 32 + column));
    return embedding;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD float finish(float sum) const {
    const float v0 = sum / 32.0f;
    const float v1 = v0 + 1e-05f;
    const float v2 = dp::sqrt(v1);
    const float v3 = 1.0f / v2;
    return v3;
  }

  DP_METHOD float activation(int row, int column, float stat) const {
    const dp::i32 v0 = dp::load(in0 + row);
    const int v1 = int(v0);
    const float embedding = dp::to_float(dp::load_weight(in1 + dp::i64(v1) * 32 + column));
    const float v2 = embedding * stat;
    const float v3 = dp::to_float(dp::load_weight(in2 + column));
    const float rms_norm = v2 * v3;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rms_norm));
    return rounded;
  }

  DP_METHOD void store_row(int row, int column, float stat) const {
    const dp::i32 v0 = dp::load(in0 + row);
    const int v1 = int(v0);
    const float embedding = dp::to_float(dp::load_weight(in1 + dp::i64(v1) * 32 + column));
    const float v2 = embedding * stat;
    const float v3 = dp::to_float(dp::load_weight(in2 + column));
    const float rms_norm = v2 * v3;
    dp::store(out0 + dp::i64(row) * 32 + column, dp::convert<dp::bf16>(rms_norm));
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 192, 32, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in3};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    const float v0 = -sums[0];
    const float v1 = dp::exp(v0);
    const float v2 = 1.0f + v1;
    const float v3 = 1.0f / v2;
    const float silu = sums[0] * v3;
    dp::store(out2 + dp::i64(row) * 192 + column, dp::convert<dp::bf16>(silu));
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 64, 32, 64> matrix(
      skeletons::Part<1>, int) const {
    return {in4};
  }

  DP_METHOD void store(skeletons::Part<1>, int row, int column,
      const float (&sums)[1], float stat) const {
    dp::store(out1 + dp::i64(row) * 64 + column, dp::convert<dp::bf16>(sums[0]));
  }
};

DP_KERNEL(256) embedding_rms_norm_linear_silu_0(
    const dp::i32 *in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    const dp::bf16 *__restrict__ in3,
    const dp::bf16 *__restrict__ in4,
    dp::bf16 *out0,
    dp::bf16 *out1,
    dp::bf16 *out2,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::matmul_shared_bytes<embedding_rms_norm_linear_silu_0_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const embedding_rms_norm_linear_silu_0_cluster cluster{in0, in1, in2, in3, in4, out0, out1, out2, dims};
  skeletons::matmul(cluster, dp::block(), shared);
}
DP_EXPORT(embedding_rms_norm_linear_silu_0)

// lightning_attention_sum_squares_0
// What    out0 = lightning_attention(in0, in1, in2, in3, in4, in5)#0
//         out1 = lightning_attention(in0, in1, in2, in3, in4, in5)#1
//         out2 = sum_squares(lightning_attention(in0, in1, in2, in3, in4, in5)#0)
// Shapes  in0 [T, 192] bf16
//         in1 [4] f32
//         in2 [T, 4, 16, 16] f32
//         in3 [T] i32
//         in4 [T] i32
//         in5 [T] i32
//         out0 [T, 64] bf16
//         out1 [T, 4, 16, 16] f32
//         out2 [T, 4] f32
// Launch  grid 4 * B, block 64: 32 v channels of a head, token by token
// Bound   memory: 4096 bytes of state of each sequence, in and out
struct lightning_attention_sum_squares_0_cluster {
  const dp::bf16 *in0;
  const float *in1; // weight
  float *in2;
  const dp::i32 *in3;
  const dp::i32 *in4;
  const dp::i32 *in5;
  dp::bf16 *out0;
  float *out2;
  const dp::i64 *dims;

  static constexpr int kHeads = 4;
  static constexpr int kHeadDim = 16;
  static constexpr int kSlotFloats = 1024;
  static constexpr int kPer = 1;
  static constexpr int kWarps = 2;
  static constexpr int kColumns = 32;
  static constexpr int kChunk = 1;
  static constexpr int kSumColumns = 16;

  DP_METHOD float *state() const {
    return in2;
  }

  DP_METHOD const float *slopes() const {
    return in1;
  }

  DP_METHOD const dp::i32 *slots() const {
    return in3;
  }

  DP_METHOD const dp::i32 *starts() const {
    return in4;
  }

  DP_METHOD const dp::i32 *positions() const {
    return in5;
  }

  DP_METHOD float qkv(int row, int column) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 192 + column));
    return v0;
  }

  DP_METHOD float store(int row, int column, float out) const {
    const float rounded = dp::to_float(dp::convert<dp::bf16>(out));
    dp::store(out0 + dp::i64(row) * 64 + column, dp::convert<dp::bf16>(out));
    return rounded;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD void store_sum(int row, int part, float sum) const {
    dp::store(out2 + dp::i64(row) * 32 + part, sum);
  }

  DP_METHOD void clear_sums(int row, int column) const {
    dp::store(out2 + dp::i64(row) * 32 + column, 0.0f);
  }
};

DP_KERNEL(64) lightning_attention_sum_squares_0(
    const dp::bf16 *in0,
    const float *__restrict__ in1,
    float *in2,
    const dp::i32 *in3,
    const dp::i32 *in4,
    const dp::i32 *in5,
    dp::bf16 *out0,
    float *out2,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::lightning_attention_shared_bytes<lightning_attention_sum_squares_0_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const lightning_attention_sum_squares_0_cluster cluster{in0, in1, in2, in3, in4, in5, out0, out2, dims};
  skeletons::lightning_attention(cluster, dp::block(), shared);
}
DP_EXPORT(lightning_attention_sum_squares_0)

// scale_columns_sigmoid_gate_linear_norm_rows_residual_0
// What    out0 = residual(in5, norm_rows(linear(sigmoid_gate(scale_columns(in0, in1), in2), in3), in4))
// Shapes  in0 [T, 64] bf16
//         in1 [64] bf16
//         in2 [T, 64] bf16
//         in3 [32, 64] bf16
//         in4 [T, 4] f32
//         in5 [T, 32] bf16
//         out0 [T, 32] bf16
// Launch  grid 4, block 256: 8 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 4096 bytes of weights
struct scale_columns_sigmoid_gate_linear_norm_rows_residual_0_cluster {
  const dp::bf16 *in0;
  const dp::bf16 *in1; // weight
  const dp::bf16 *in2;
  const dp::bf16 *in3; // weight
  const float *in4;
  const dp::bf16 *in5;
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 64;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {32};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = true;
  static constexpr bool kIsReduced = false;
  static constexpr bool kHasRowStats = true;
  static constexpr bool kStoresRows = false;

  DP_METHOD float row_stat(int row) const {
    return skeletons::sum_of_parts<4>(in4 + dp::i64(row) * 32);
  }

  DP_METHOD float activation(int row, int column, float stat) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 64 + column));
    const float v1 = dp::to_float(dp::load_weight(in1 + column));
    const float scale_columns = v0 * v1;
    const float v2 = dp::to_float(dp::load(in2 + dp::i64(row) * 64 + column));
    const float v3 = -v2;
    const float v4 = dp::exp(v3);
    const float v5 = 1.0f + v4;
    const float v6 = 1.0f / v5;
    const float sigmoid_gate = scale_columns * v6;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(sigmoid_gate));
    return rounded;
  }

  DP_METHOD skeletons::PaddedMatrix<dp::bf16, 32, 64, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in3};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    const float v0 = dp::to_float(dp::load(in5 + dp::i64(row) * 32 + column));
    const float v1 = 1.4142135f * v0;
    const float v2 = stat / 64.0f;
    const float v3 = v2 + 1e-06f;
    const float v4 = dp::sqrt(v3);
    const float v5 = 1.0f / v4;
    const float norm_rows = sums[0] * v5;
    const float v6 = 1.0f * norm_rows;
    const float residual = v1 + v6;
    dp::store(out0 + dp::i64(row) * 32 + column, dp::convert<dp::bf16>(residual));
  }
};

DP_KERNEL(256) scale_columns_sigmoid_gate_linear_norm_rows_residual_0(
    const dp::bf16 *in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *in2,
    const dp::bf16 *__restrict__ in3,
    const float *in4,
    const dp::bf16 *in5,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::matmul_shared_bytes<scale_columns_sigmoid_gate_linear_norm_rows_residual_0_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const scale_columns_sigmoid_gate_linear_norm_rows_residual_0_cluster cluster{in0, in1, in2, in3, in4, in5, out0, dims};
  skeletons::matmul(cluster, dp::block(), shared);
}
DP_EXPORT(scale_columns_sigmoid_gate_linear_norm_rows_residual_0)

// rms_norm_linear_0
// What    out0 = rms_norm(in0, in1)
//         out1 = linear(rms_norm(in0, in1), in2)
// Shapes  in0 [T, 32] bf16
//         in1 [32] bf16
//         in2 [2, 32] f32
//         out0 [T, 32] bf16
//         out1 [T, 2] f32
// Launch  grid 1, block 256: 2 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 256 bytes of weights
struct rms_norm_linear_0_cluster {
  const dp::bf16 *in0;
  const dp::bf16 *in1; // weight
  const float *in2; // weight
  dp::bf16 *out0;
  float *out1;
  const dp::i64 *dims;

  static constexpr int kDepth = 32;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 2;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {2};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = true;
  static constexpr bool kIsReduced = true;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = true;

  DP_METHOD float reduced(int row, int column) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + column));
    return v0;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD float finish(float sum) const {
    const float v0 = sum / 32.0f;
    const float v1 = v0 + 1e-05f;
    const float v2 = dp::sqrt(v1);
    const float v3 = 1.0f / v2;
    return v3;
  }

  DP_METHOD float activation(int row, int column, float stat) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + column));
    const float v1 = v0 * stat;
    const float v2 = dp::to_float(dp::load_weight(in1 + column));
    const float rms_norm = v1 * v2;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rms_norm));
    return rounded;
  }

  DP_METHOD void store_row(int row, int column, float stat) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + column));
    const float v1 = v0 * stat;
    const float v2 = dp::to_float(dp::load_weight(in1 + column));
    const float rms_norm = v1 * v2;
    dp::store(out0 + dp::i64(row) * 32 + column, dp::convert<dp::bf16>(rms_norm));
  }

  DP_METHOD skeletons::PaddedMatrix<float, 2, 32, 32> matrix(skeletons::Part<0>,
      int) const {
    return {in2};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    dp::store(out1 + dp::i64(row) * 32 + column, sums[0]);
  }

  DP_METHOD void clear(skeletons::Part<0>, int row, int column) const {
    dp::store(out1 + dp::i64(row) * 32 + column, 0.0f);
  }
};

DP_KERNEL(256) rms_norm_linear_0(
    const dp::bf16 *in0,
    const dp::bf16 *__restrict__ in1,
    const float *__restrict__ in2,
    dp::bf16 *out0,
    float *out1,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::matmul_shared_bytes<rms_norm_linear_0_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const rms_norm_linear_0_cluster cluster{in0, in1, in2, out0, out1, dims};
  skeletons::matmul(cluster, dp::block(), shared);
}
DP_EXPORT(rms_norm_linear_0)

// router_expert_linear_silu_mul_0
// What    out0 = mul(silu(expert_linear(in1, router(in0)#0, in2, in3, in4, in5)#0), expert_linear(in1, router(in0)#0, in2, in3, in4, in5)#1)
// Shapes  in0 [T, 2] f32
//         in1 [T, 32] bf16
//         in2 [2, 48, 32] i8 in swizzled tiles of 64 rows, fragment order
//         in3 [2, 48, 32] i8 in swizzled tiles of 64 rows, fragment order
//         in4 [2, 48] f32
//         in5 [2, 48] f32
//         out0 [T, 1, 48] bf16
// Launch  grid T * 6, block 256: 8 columns of a choice a block, 4 a warp at a time
// Bound   memory: the chosen experts' weights for every token
struct router_expert_linear_silu_mul_0_cluster {
  const float *in0;
  const dp::bf16 *in1;
  const dp::u8 *in2; // weight
  const dp::u8 *in3; // weight
  const float *in4; // weight
  const float *in5; // weight
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 32;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {48};
  static constexpr int kProducts[] = {2};
  static constexpr bool kIsMade = false;
  static constexpr bool kCombines = false;
  static constexpr bool kRoutes = true;
  static constexpr bool kStoresChoices = false;
  static constexpr int kExperts = 2;
  static constexpr int kChoices = 1;

  DP_METHOD float logit(int row, int expert) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 32 + expert);
    return v0;
  }

  DP_METHOD auto row(int row, int) const {
    return in1 + dp::i64(row) * 32;
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::u8, 48, 32, 64> matrix(
      skeletons::Part<0>, int i, int expert) const {
    return {(i == 0 ? in2 : in3) + expert * skeletons::SwizzledMatrix<dp::u8, 48, 32, 64>::kElements};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int choice, int column,
      int expert, const float (&sums)[2]) const {
    const float v0 = dp::load_weight(in4 + dp::i64(expert) * 64 + column);
    const float expert_linear = sums[0] * v0;
    const float v1 = dp::load_weight(in5 + dp::i64(expert) * 64 + column);
    const float expert_linear_1 = sums[1] * v1;
    const float v2 = -expert_linear;
    const float v3 = dp::exp(v2);
    const float v4 = 1.0f + v3;
    const float v5 = 1.0f / v4;
    const float silu = expert_linear * v5;
    const float mul = silu * expert_linear_1;
    dp::store(out0 + (dp::i64(row) * 1 + choice) * 64 + column, dp::convert<dp::bf16>(mul));
  }

  DP_METHOD void clear(skeletons::Part<0>, int row, int inner,
      int column) const {
    dp::store(out0 + (dp::i64(row) * 1 + inner) * 64 + column, dp::convert<dp::bf16>(0.0f));
  }
};

DP_KERNEL(256) router_expert_linear_silu_mul_0(
    const float *in0,
    const dp::bf16 *in1,
    const dp::u8 *__restrict__ in2,
    const dp::u8 *__restrict__ in3,
    const float *__restrict__ in4,
    const float *__restrict__ in5,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const router_expert_linear_silu_mul_0_cluster cluster{in0, in1, in2, in3, in4, in5, out0, dims};
  skeletons::experts(cluster, dp::block(), {});
}
DP_EXPORT(router_expert_linear_silu_mul_0)

// router_expert_linear_combine_residual_0
// What    out0 = residual(in4, combine(expert_linear(in1, router(in0)#0, in2, in3), router(in0)#1))
// Shapes  in0 [T, 2] f32
//         in1 [T, 1, 48] bf16
//         in2 [2, 32, 48] i8
//         in3 [2, 32] f32
//         in4 [T, 32] bf16
//         out0 [T, 32] f32
// Launch  grid T * 4, block 256: 8 columns of all choices a block, 4 a warp at a time
// Bound   memory: the chosen experts' weights for every token
struct router_expert_linear_combine_residual_0_cluster {
  const float *in0;
  const dp::bf16 *in1;
  const dp::i8 *in2; // weight
  const float *in3; // weight
  const dp::bf16 *in4;
  float *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 48;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {32};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = false;
  static constexpr bool kCombines = true;
  static constexpr bool kRoutes = true;
  static constexpr bool kStoresChoices = false;
  static constexpr int kExperts = 2;
  static constexpr int kChoices = 1;

  DP_METHOD float logit(int row, int expert) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 32 + expert);
    return v0;
  }

  DP_METHOD auto row(int row, int choice) const {
    return in1 + (dp::i64(row) * 1 + choice) * 64;
  }

  DP_METHOD skeletons::PaddedMatrix<dp::i8, 32, 48, 64> matrix(
      skeletons::Part<0>, int, int expert) const {
    return {in2 + expert * skeletons::PaddedMatrix<dp::i8, 32, 48, 64>::kElements};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const skeletons::Choice<1> &choice, const float (&sums)[1][1]) const {
    const float v0 = dp::load_weight(in3 + dp::i64(choice.ids[0]) * 32 + column);
    const float expert_linear = sums[0][0] * v0;
    const float v1 = dp::to_float(dp::load(in4 + dp::i64(row) * 32 + column));
    const float v2 = 1.4142135f * v1;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(expert_linear));
    const float combine = choice.weights[0] * rounded;
    const float v3 = 1.0f * combine;
    const float residual = v2 + v3;
    dp::store(out0 + dp::i64(row) * 32 + column, residual);
  }
};

DP_KERNEL(256) router_expert_linear_combine_residual_0(
    const float *in0,
    const dp::bf16 *in1,
    const dp::i8 *__restrict__ in2,
    const float *__restrict__ in3,
    const dp::bf16 *in4,
    float *out0,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const router_expert_linear_combine_residual_0_cluster cluster{in0, in1, in2, in3, in4, out0, dims};
  skeletons::experts(cluster, dp::block(), {});
}
DP_EXPORT(router_expert_linear_combine_residual_0)

// rms_norm_linear_1
// What    out0 = rms_norm(in0, in1)
//         out1 = linear(rms_norm(in0, in1), in2, in3, in4)#0
//         out2 = linear(rms_norm(in0, in1), in2, in3, in4)#1
//         out3 = linear(rms_norm(in0, in1), in2, in3, in4)#2
// Shapes  in0 [T, 32] f32
//         in1 [32] bf16
//         in2 [64, 32] bf16 in swizzled tiles of 64 rows, natural order
//         in3 [32, 32] bf16
//         in4 [32, 32] bf16
//         out0 [T, 32] bf16
//         out1 [T, 64] bf16
//         out2 [T, 32] bf16
//         out3 [T, 32] bf16
// Launch  grid 16, block 256: 8 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 12288 bytes of weights
struct rms_norm_linear_1_cluster {
  const float *in0;
  const dp::bf16 *in1; // weight
  const dp::bf16 *in2; // weight
  const dp::bf16 *in3; // weight
  const dp::bf16 *in4; // weight
  dp::bf16 *out0;
  dp::bf16 *out1;
  dp::bf16 *out2;
  dp::bf16 *out3;
  const dp::i64 *dims;

  static constexpr int kDepth = 32;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 3;
  static constexpr int kColumns[] = {64, 32, 32};
  static constexpr int kProducts[] = {1, 1, 1};
  static constexpr bool kIsMade = true;
  static constexpr bool kIsReduced = true;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = true;

  DP_METHOD float reduced(int row, int column) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 32 + column);
    return v0;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD float finish(float sum) const {
    const float v0 = sum / 32.0f;
    const float v1 = v0 + 1e-05f;
    const float v2 = dp::sqrt(v1);
    const float v3 = 1.0f / v2;
    return v3;
  }

  DP_METHOD float activation(int row, int column, float stat) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 32 + column);
    const float v1 = v0 * stat;
    const float v2 = dp::to_float(dp::load_weight(in1 + column));
    const float rms_norm = v1 * v2;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rms_norm));
    return rounded;
  }

  DP_METHOD void store_row(int row, int column, float stat) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 32 + column);
    const float v1 = v0 * stat;
    const float v2 = dp::to_float(dp::load_weight(in1 + column));
    const float rms_norm = v1 * v2;
    dp::store(out0 + dp::i64(row) * 32 + column, dp::convert<dp::bf16>(rms_norm));
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 64, 32, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in2};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    dp::store(out1 + dp::i64(row) * 64 + column, dp::convert<dp::bf16>(sums[0]));
  }

  DP_METHOD skeletons::PaddedMatrix<dp::bf16, 32, 32, 32> matrix(
      skeletons::Part<1>, int) const {
    return {in3};
  }

  DP_METHOD void store(skeletons::Part<1>, int row, int column,
      const float (&sums)[1], float stat) const {
    dp::store(out2 + dp::i64(row) * 32 + column, dp::convert<dp::bf16>(sums[0]));
  }

  DP_METHOD skeletons::PaddedMatrix<dp::bf16, 32, 32, 32> matrix(
      skeletons::Part<2>, int) const {
    return {in4};
  }

  DP_METHOD void store(skeletons::Part<2>, int row, int column,
      const float (&sums)[1], float stat) const {
    dp::store(out3 + dp::i64(row) * 32 + column, dp::convert<dp::bf16>(sums[0]));
  }
};

DP_KERNEL(256) rms_norm_linear_1(
    const float *in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    const dp::bf16 *__restrict__ in3,
    const dp::bf16 *__restrict__ in4,
    dp::bf16 *out0,
    dp::bf16 *out1,
    dp::bf16 *out2,
    dp::bf16 *out3,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::matmul_shared_bytes<rms_norm_linear_1_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const rms_norm_linear_1_cluster cluster{in0, in1, in2, in3, in4, out0, out1, out2, out3, dims};
  skeletons::matmul(cluster, dp::block(), shared);
}
DP_EXPORT(rms_norm_linear_1)

// rope_cache_append_softmax_attention_0
// What    out0 = cache_append(rope(in0, in1, in2), in3, in4, in5, in6, in7, in8)
//         out1 = softmax_attention(rope(in9, in1, in2), cache_append(rope(in0, in1, in2), in3, in4, in5, in6, in7, in8), in5, in6, in7, in8)
// Shapes  in0 [T, 32] bf16
//         in1 [T, 4] f32
//         in2 [T, 4] f32
//         in3 [T, 32] bf16
//         in4 [T, 2, 2, 64, 16] bf16
//         in5 [T] i32
//         in6 [T] i32
//         in7 [T] i32
//         in8 [T, T] i32
//         in9 [T, 64] bf16
//         out0 [T, 2, 2, 64, 16] bf16
//         out1 [T, 64] bf16
// Launch  grid 2 * T, block 64: a query head of a token a warp
// Bound   memory: the pages of each token's context
struct rope_cache_append_softmax_attention_0_cluster {
  const dp::bf16 *in0;
  const float *in1;
  const float *in2;
  const dp::bf16 *in3;
  dp::bf16 *in4;
  const dp::i32 *in5;
  const dp::i32 *in6;
  const dp::i32 *in7;
  const dp::i32 *in8;
  const dp::bf16 *in9;
  dp::bf16 *out1;
  const dp::i64 *dims;

  static constexpr int kHeads = 4;
  static constexpr int kPer = 1;
  static constexpr int kWarps = 2;
  static constexpr int kSpans = 1;
  static constexpr int kSpanPages = 0;
  static constexpr float kScale = 0.25f;
  static constexpr bool kAppends = true;
  using Element = dp::bf16;
  static constexpr int kKVHeads = 2;
  static constexpr int kPageTokens = 64;
  static constexpr int kHeadDim = 16;

  DP_METHOD dp::bf16 *cache() const {
    return in4;
  }

  DP_METHOD const dp::i32 *slots() const {
    return in5;
  }

  DP_METHOD const dp::i32 *starts() const {
    return in6;
  }

  DP_METHOD const dp::i32 *positions() const {
    return in7;
  }

  DP_METHOD const dp::i32 *pages() const {
    return in8;
  }

  DP_METHOD float query(int row, int column) const {
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
    const float v10 = dp::to_float(dp::load(in9 + dp::i64(row) * 64 + column));
    const float v11 = dp::to_float(dp::load(in9 + dp::i64(row) * 64 + v6));
    const float v12 = dp::load(in1 + dp::i64(row) * 32 + v9);
    const float v13 = dp::load(in2 + dp::i64(row) * 32 + v9);
    const float v14 = -v13;
    const float v15 = v1 ? v14 : v13;
    const float v16 = v10 * v12;
    const float v17 = v11 * v15;
    const float v18 = v16 + v17;
    const float rope = v2 ? v18 : v10;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rope));
    return rounded;
  }

  DP_METHOD float key(int row, int column) const {
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
    const float v10 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + column));
    const float v11 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + v6));
    const float v12 = dp::load(in1 + dp::i64(row) * 32 + v9);
    const float v13 = dp::load(in2 + dp::i64(row) * 32 + v9);
    const float v14 = -v13;
    const float v15 = v1 ? v14 : v13;
    const float v16 = v10 * v12;
    const float v17 = v11 * v15;
    const float v18 = v16 + v17;
    const float rope = v2 ? v18 : v10;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rope));
    return rounded;
  }

  DP_METHOD float value(int row, int column) const {
    const float v0 = dp::to_float(dp::load(in3 + dp::i64(row) * 32 + column));
    return v0;
  }

  DP_METHOD void store(int row, int column, float out) const {
    dp::store(out1 + dp::i64(row) * 64 + column, dp::convert<dp::bf16>(out));
  }
};

DP_KERNEL(64) rope_cache_append_softmax_attention_0(
    const dp::bf16 *in0,
    const float *in1,
    const float *in2,
    const dp::bf16 *in3,
    dp::bf16 *in4,
    const dp::i32 *in5,
    const dp::i32 *in6,
    const dp::i32 *in7,
    const dp::i32 *in8,
    const dp::bf16 *in9,
    dp::bf16 *out1,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::attention_shared_bytes<rope_cache_append_softmax_attention_0_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const rope_cache_append_softmax_attention_0_cluster cluster{in0, in1, in2, in3, in4, in5, in6, in7, in8, in9, out1, dims};
  skeletons::attention(cluster, dp::block(), shared);
}
DP_EXPORT(rope_cache_append_softmax_attention_0)

// linear_residual_0
// What    out0 = residual(in2, linear(in0, in1))
// Shapes  in0 [T, 64] bf16
//         in1 [32, 64] bf16
//         in2 [T, 32] bf16
//         out0 [T, 32] bf16
// Launch  grid 4, block 256: 8 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 4096 bytes of weights
struct linear_residual_0_cluster {
  const dp::bf16 *in0;
  const dp::bf16 *in1; // weight
  const dp::bf16 *in2;
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 64;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {32};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = false;
  static constexpr bool kIsReduced = false;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = false;

  DP_METHOD auto row(int row) const {
    return in0 + dp::i64(row) * 64;
  }

  DP_METHOD skeletons::PaddedMatrix<dp::bf16, 32, 64, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in1};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    const float v0 = dp::to_float(dp::load(in2 + dp::i64(row) * 32 + column));
    const float v1 = 1.4142135f * v0;
    const float v2 = 1.0f * sums[0];
    const float residual = v1 + v2;
    dp::store(out0 + dp::i64(row) * 32 + column, dp::convert<dp::bf16>(residual));
  }
};

DP_KERNEL(256) linear_residual_0(
    const dp::bf16 *in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *in2,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const linear_residual_0_cluster cluster{in0, in1, in2, out0, dims};
  skeletons::matmul(cluster, dp::block(), {});
}
DP_EXPORT(linear_residual_0)

// router_expert_linear_combine_residual_1
// What    out0 = residual(in4, combine(expert_linear(in1, router(in0)#0, in2, in3), router(in0)#1))
// Shapes  in0 [T, 2] f32
//         in1 [T, 1, 48] bf16
//         in2 [2, 32, 48] i8
//         in3 [2, 32] f32
//         in4 [T, 32] bf16
//         out0 [T, 32] bf16
// Launch  grid T * 4, block 256: 8 columns of all choices a block, 4 a warp at a time
// Bound   memory: the chosen experts' weights for every token
struct router_expert_linear_combine_residual_1_cluster {
  const float *in0;
  const dp::bf16 *in1;
  const dp::i8 *in2; // weight
  const float *in3; // weight
  const dp::bf16 *in4;
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 48;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {32};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = false;
  static constexpr bool kCombines = true;
  static constexpr bool kRoutes = true;
  static constexpr bool kStoresChoices = false;
  static constexpr int kExperts = 2;
  static constexpr int kChoices = 1;

  DP_METHOD float logit(int row, int expert) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 32 + expert);
    return v0;
  }

  DP_METHOD auto row(int row, int choice) const {
    return in1 + (dp::i64(row) * 1 + choice) * 64;
  }

  DP_METHOD skeletons::PaddedMatrix<dp::i8, 32, 48, 64> matrix(
      skeletons::Part<0>, int, int expert) const {
    return {in2 + expert * skeletons::PaddedMatrix<dp::i8, 32, 48, 64>::kElements};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const skeletons::Choice<1> &choice, const float (&sums)[1][1]) const {
    const float v0 = dp::load_weight(in3 + dp::i64(choice.ids[0]) * 32 + column);
    const float expert_linear = sums[0][0] * v0;
    const float v1 = dp::to_float(dp::load(in4 + dp::i64(row) * 32 + column));
    const float v2 = 1.4142135f * v1;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(expert_linear));
    const float combine = choice.weights[0] * rounded;
    const float v3 = 1.0f * combine;
    const float residual = v2 + v3;
    dp::store(out0 + dp::i64(row) * 32 + column, dp::convert<dp::bf16>(residual));
  }
};

DP_KERNEL(256) router_expert_linear_combine_residual_1(
    const float *in0,
    const dp::bf16 *in1,
    const dp::i8 *__restrict__ in2,
    const float *__restrict__ in3,
    const dp::bf16 *in4,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const router_expert_linear_combine_residual_1_cluster cluster{in0, in1, in2, in3, in4, out0, dims};
  skeletons::experts(cluster, dp::block(), {});
}
DP_EXPORT(router_expert_linear_combine_residual_1)

// rms_norm_linear_2
// What    out0 = linear(rms_norm(in0, in1), in2)
// Shapes  in0 [T, 32] bf16
//         in1 [32] bf16
//         in2 [96, 32] bf16 in swizzled tiles of 64 rows, natural order
//         out0 [T, 96] f32
// Launch  grid 12, block 256: 8 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 16384 bytes of weights
struct rms_norm_linear_2_cluster {
  const dp::bf16 *in0;
  const dp::bf16 *in1; // weight
  const dp::bf16 *in2; // weight
  float *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 32;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {96};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = true;
  static constexpr bool kIsReduced = true;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = false;

  DP_METHOD float reduced(int row, int column) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + column));
    return v0;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD float finish(float sum) const {
    const float v0 = sum / 32.0f;
    const float v1 = v0 + 1e-05f;
    const float v2 = dp::sqrt(v1);
    const float v3 = 1.0f / v2;
    return v3;
  }

  DP_METHOD float activation(int row, int column, float stat) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + column));
    const float v1 = v0 * stat;
    const float v2 = dp::to_float(dp::load_weight(in1 + column));
    const float rms_norm = v1 * v2;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rms_norm));
    return rounded;
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 96, 32, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in2};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    dp::store(out0 + dp::i64(row) * 96 + column, sums[0]);
  }
};

DP_KERNEL(256) rms_norm_linear_2(
    const dp::bf16 *in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    float *out0,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::matmul_shared_bytes<rms_norm_linear_2_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const rms_norm_linear_2_cluster cluster{in0, in1, in2, out0, dims};
  skeletons::matmul(cluster, dp::block(), shared);
}
DP_EXPORT(rms_norm_linear_2)

// top_candidates_0
// What    out0 = top_candidates(in0, in1, in2, in3)#0
//         out1 = top_candidates(in0, in1, in2, in3)#1
//         out2 = top_candidates(in0, in1, in2, in3)#2
// Shapes  in0 [T, 96] f32
//         in1 [3] i32
//         in2 [T] i32
//         in3 [T] f32
//         out0 [T, 64] f32
//         out1 [T, 64] i32
//         out2 [T, 2] f32
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row twice
struct top_candidates_0_cluster {
  const float *in0;
  const dp::i32 *in1;
  const dp::i32 *in2;
  const float *in3;
  float *out0;
  dp::i32 *out1;
  float *out2;
  const dp::i64 *dims;

  static constexpr int kPer = 1;
  static constexpr int kWarps = 8;
  static constexpr int kColumns = 96;
  static constexpr int kCandidates = 64;

  DP_METHOD float logit(int row, int id) const {
    const float v0 = dp::load(in0 + dp::i64(row) * 96 + id);
    return v0;
  }

  DP_METHOD dp::u32 mask(int word) const {
    const dp::i32 v0 = dp::load(in1 + word);
    return v0;
  }

  DP_METHOD int count(int row) const {
    const dp::i32 v0 = dp::load(in2 + row);
    return v0;
  }

  DP_METHOD float inverse_temperature(int row) const {
    const float v0 = dp::load(in3 + row);
    return v0;
  }

  DP_METHOD void store_candidate(int row, int place, int id, float logit) const {
    dp::store(out0 + dp::i64(row) * 64 + place, logit);
    dp::store(out1 + dp::i64(row) * 64 + place, id);
  }

  DP_METHOD void store_sums(int row, float largest, float sum) const {
    dp::store(out2 + dp::i64(row) * 32, largest);
    dp::store(out2 + dp::i64(row) * 32 + 1, sum);
  }

  DP_METHOD void clear_sums(int row, int column) const {
    dp::store(out2 + dp::i64(row) * 32 + column, 0.0f);
  }
};

DP_KERNEL(256) top_candidates_0(
    const float *in0,
    const dp::i32 *in1,
    const dp::i32 *in2,
    const float *in3,
    float *out0,
    dp::i32 *out1,
    float *out2,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::selection_shared_bytes<top_candidates_0_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const top_candidates_0_cluster cluster{in0, in1, in2, in3, out0, out1, out2, dims};
  skeletons::selection(cluster, dp::block(), shared);
}
DP_EXPORT(top_candidates_0)

// publish_0
// What    the step's candidates, for the host
// Launch  grid 1, block 256
// Bound   latency
DP_KERNEL(256)
publish_0(
    const dp::i32 *candidate_counts,
    const float *candidate_values,
    const dp::i32 *candidate_ids,
    const float *candidate_sums,
    const dp::i64 *dims, 
    const mm1::StepHeader *block, 
    mm1::SlotState *states, 
    mm1::ResultHeader *result) {
  dp::wait_grid();
  dp::trigger_grid();
  skeletons::publish<64>(
      {.candidate_counts = candidate_counts,
       .candidate_ids = candidate_ids,
       .candidate_values = candidate_values,
       .candidate_sums = candidate_sums,
       .ids_stride = 64,
       .values_stride = 64,
       .sums_stride = 32},
      block, states, result);
}
DP_EXPORT(publish_0)

// begin_1
// What    input ports, from the step block
// Launch  grid 1, block 256
// Bound   latency
DP_KERNEL(256)
begin_1(
    dp::i32 *tokens,
    dp::i32 *positions,
    dp::i32 *starts,
    dp::i32 *slots,
    dp::i32 *pages,
    dp::i64 *dims, 
    const mm1::StepHeader *block, 
    mm1::SlotState *states) {
  dp::wait_grid();
  dp::trigger_grid();
  skeletons::begin(
      {.tokens = tokens,
       .positions = positions,
       .starts = starts,
       .slots = slots,
       .pages = pages},
      dims, block, states);
}
DP_EXPORT(begin_1)

// Made by mm1c. The words are those of kernels/dp, the loops those of
// kernels/skeletons; a task of the plan is a block.
#include "dp/dp.h"
#include "skeletons/attention.h"
#include "skeletons/cache_append.h"
#include "skeletons/lightning_attention.h"
#include "skeletons/matmul.h"
#include "skeletons/step.h"

// lightning_attention_sum_squares_1
// What    out0 = lightning_attention(in0, in1, in2, in3, in4, in5)#0
//         out1 = lightning_attention(in0, in1, in2, in3, in4, in5)#1
//         out2 = sum_squares(lightning_attention(in0, in1, in2, in3, in4, in5)#0)
// Shapes  in0 [T, 192] bf16
//         in1 [4] f32
//         in2 [T, 4, 16, 16] f32
//         in3 [T] i32
//         in4 [T] i32
//         in5 [T] i32
//         out0 [T, 64] bf16
//         out1 [T, 4, 16, 16] f32
//         out2 [T, 4] f32
// Launch  grid 4 * B, block 256: 32 v channels of a head, 64 tokens at a time
// Bound   memory: 4096 bytes of state of each sequence, in and out
struct lightning_attention_sum_squares_1_cluster {
  const dp::bf16 *in0;
  const float *in1; // weight
  float *in2;
  const dp::i32 *in3;
  const dp::i32 *in4;
  const dp::i32 *in5;
  dp::bf16 *out0;
  float *out2;
  const dp::i64 *dims;

  static constexpr int kHeads = 4;
  static constexpr int kHeadDim = 16;
  static constexpr int kSlotFloats = 1024;
  static constexpr int kPer = 1;
  static constexpr int kWarps = 8;
  static constexpr int kColumns = 32;
  static constexpr int kChunk = 64;
  static constexpr int kSumColumns = 16;

  DP_METHOD float *state() const {
    return in2;
  }

  DP_METHOD const float *slopes() const {
    return in1;
  }

  DP_METHOD const dp::i32 *slots() const {
    return in3;
  }

  DP_METHOD const dp::i32 *starts() const {
    return in4;
  }

  DP_METHOD const dp::i32 *positions() const {
    return in5;
  }

  DP_METHOD float qkv(int row, int column) const {
    const float v0 = dp::to_float(dp::load(in0 + dp::i64(row) * 192 + column));
    return v0;
  }

  DP_METHOD float store(int row, int column, float out) const {
    const float rounded = dp::to_float(dp::convert<dp::bf16>(out));
    dp::store(out0 + dp::i64(row) * 64 + column, dp::convert<dp::bf16>(out));
    return rounded;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD void store_sum(int row, int part, float sum) const {
    dp::store(out2 + dp::i64(row) * 32 + part, sum);
  }

  DP_METHOD void clear_sums(int row, int column) const {
    dp::store(out2 + dp::i64(row) * 32 + column, 0.0f);
  }
};

DP_KERNEL(256) lightning_attention_sum_squares_1(
    const dp::bf16 *in0,
    const float *__restrict__ in1,
    float *in2,
    const dp::i32 *in3,
    const dp::i32 *in4,
    const dp::i32 *in5,
    dp::bf16 *out0,
    float *out2,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::lightning_attention_shared_bytes<lightning_attention_sum_squares_1_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const lightning_attention_sum_squares_1_cluster cluster{in0, in1, in2, in3, in4, in5, out0, out2, dims};
  skeletons::lightning_attention(cluster, dp::block(), shared);
}
DP_EXPORT(lightning_attention_sum_squares_1)

// rope_cache_append_0
// What    out0 = cache_append(rope(in0, in1, in2), in3, in4, in5, in6, in7, in8)
// Shapes  in0 [T, 32] bf16
//         in1 [T, 4] f32
//         in2 [T, 4] f32
//         in3 [T, 32] bf16
//         in4 [T, 2, 2, 64, 16] bf16
//         in5 [T] i32
//         in6 [T] i32
//         in7 [T] i32
//         in8 [T, T] i32
//         out0 [T, 2, 2, 64, 16] bf16
// Launch  grid 2 * B, block 256: a KV head of a sequence
// Bound   memory: each key and value once in and out
struct rope_cache_append_0_cluster {
  const dp::bf16 *in0;
  const float *in1;
  const float *in2;
  const dp::bf16 *in3;
  dp::bf16 *in4;
  const dp::i32 *in5;
  const dp::i32 *in6;
  const dp::i32 *in7;
  const dp::i32 *in8;
  const dp::i64 *dims;

  static constexpr int kPer = 1;
  using Element = dp::bf16;
  static constexpr int kKVHeads = 2;
  static constexpr int kPageTokens = 64;
  static constexpr int kHeadDim = 16;

  DP_METHOD dp::bf16 *cache() const {
    return in4;
  }

  DP_METHOD const dp::i32 *slots() const {
    return in5;
  }

  DP_METHOD const dp::i32 *starts() const {
    return in6;
  }

  DP_METHOD const dp::i32 *positions() const {
    return in7;
  }

  DP_METHOD const dp::i32 *pages() const {
    return in8;
  }

  DP_METHOD float key(int row, int column) const {
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
    const float v10 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + column));
    const float v11 = dp::to_float(dp::load(in0 + dp::i64(row) * 32 + v6));
    const float v12 = dp::load(in1 + dp::i64(row) * 32 + v9);
    const float v13 = dp::load(in2 + dp::i64(row) * 32 + v9);
    const float v14 = -v13;
    const float v15 = v1 ? v14 : v13;
    const float v16 = v10 * v12;
    const float v17 = v11 * v15;
    const float v18 = v16 + v17;
    const float rope = v2 ? v18 : v10;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rope));
    return rounded;
  }

  DP_METHOD float value(int row, int column) const {
    const float v0 = dp::to_float(dp::load(in3 + dp::i64(row) * 32 + column));
    return v0;
  }
};

DP_KERNEL(256) rope_cache_append_0(
    const dp::bf16 *in0,
    const float *in1,
    const float *in2,
    const dp::bf16 *in3,
    dp::bf16 *in4,
    const dp::i32 *in5,
    const dp::i32 *in6,
    const dp::i32 *in7,
    const dp::i32 *in8,
    const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  const rope_cache_append_0_cluster cluster{in0, in1, in2, in3, in4, in5, in6, in7, in8, dims};
  skeletons::cache_append(cluster, dp::block(), {});
}
DP_EXPORT(rope_cache_append_0)

// rope_softmax_attention_0
// What    out0 = softmax_attention(rope(in0, in1, in2), in3, in4, in5, in6, in7)
// Shapes  in0 [T, 64] bf16
//         in1 [T, 4] f32
//         in2 [T, 4] f32
//         in3 [T, 2, 2, 64, 16] bf16
//         in4 [T] i32
//         in5 [T] i32
//         in6 [T] i32
//         in7 [T, T] i32
//         out0 [T, 64] bf16
// Launch  grid 2 * ceil(T / 16), block 256: a query head of a token a warp
// Bound   memory: the pages of each token's context
struct rope_softmax_attention_0_cluster {
  const dp::bf16 *in0;
  const float *in1;
  const float *in2;
  const dp::bf16 *in3;
  const dp::i32 *in4;
  const dp::i32 *in5;
  const dp::i32 *in6;
  const dp::i32 *in7;
  dp::bf16 *out0;
  const dp::i64 *dims;

  static constexpr int kHeads = 4;
  static constexpr int kPer = 16;
  static constexpr int kWarps = 8;
  static constexpr int kSpans = 1;
  static constexpr int kSpanPages = 0;
  static constexpr float kScale = 0.25f;
  static constexpr bool kAppends = false;
  using Element = dp::bf16;
  static constexpr int kKVHeads = 2;
  static constexpr int kPageTokens = 64;
  static constexpr int kHeadDim = 16;

  DP_METHOD const dp::bf16 *cache() const {
    return in3;
  }

  DP_METHOD const dp::i32 *slots() const {
    return in4;
  }

  DP_METHOD const dp::i32 *starts() const {
    return in5;
  }

  DP_METHOD const dp::i32 *positions() const {
    return in6;
  }

  DP_METHOD const dp::i32 *pages() const {
    return in7;
  }

  DP_METHOD float query(int row, int column) const {
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
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rope));
    return rounded;
  }

  DP_METHOD void store(int row, int column, float out) const {
    dp::store(out0 + dp::i64(row) * 64 + column, dp::convert<dp::bf16>(out));
  }
};

DP_KERNEL(256) rope_softmax_attention_0(
    const dp::bf16 *in0,
    const float *in1,
    const float *in2,
    const dp::bf16 *in3,
    const dp::i32 *in4,
    const dp::i32 *in5,
    const dp::i32 *in6,
    const dp::i32 *in7,
    dp::bf16 *out0,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::attention_shared_bytes<rope_softmax_attention_0_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const rope_softmax_attention_0_cluster cluster{in0, in1, in2, in3, in4, in5, in6, in7, out0, dims};
  skeletons::attention(cluster, dp::block(), shared);
}
DP_EXPORT(rope_softmax_attention_0)

// begin_2
// What    input ports, from the step block
// Launch  grid 1, block 256
// Bound   latency
DP_KERNEL(256)
begin_2(
    dp::i32 *rows,
    dp::i32 *candidate_counts,
    float *inverse_temperatures,
    dp::i64 *dims, 
    const mm1::StepHeader *block, 
    mm1::SlotState *states) {
  dp::wait_grid();
  dp::trigger_grid();
  skeletons::begin(
      {.rows = rows,
       .candidate_counts = candidate_counts,
       .inverse_temperatures = inverse_temperatures},
      dims, block, states);
}
DP_EXPORT(begin_2)

// gather_rows_rms_norm_linear_0
// What    out0 = linear(rms_norm(gather_rows(in0, in1), in2), in3)
// Shapes  in0 [T, 32] bf16
//         in1 [T] i32
//         in2 [32] bf16
//         in3 [96, 32] bf16 in swizzled tiles of 64 rows, natural order
//         out0 [T, 96] f32
// Launch  grid 12, block 256: 8 columns a block, 4 a warp at a time, for 8 rows at a time
// Bound   memory: 16384 bytes of weights
struct gather_rows_rms_norm_linear_0_cluster {
  const dp::bf16 *in0;
  const dp::i32 *in1;
  const dp::bf16 *in2; // weight
  const dp::bf16 *in3; // weight
  float *out0;
  const dp::i64 *dims;

  static constexpr int kDepth = 32;
  static constexpr int kRows = 8;
  static constexpr int kWarps = 8;
  static constexpr int kBlockColumns = 8;
  static constexpr int kParts = 1;
  static constexpr int kColumns[] = {96};
  static constexpr int kProducts[] = {1};
  static constexpr bool kIsMade = true;
  static constexpr bool kIsReduced = true;
  static constexpr bool kHasRowStats = false;
  static constexpr bool kStoresRows = false;

  DP_METHOD float reduced(int row, int column) const {
    const dp::i32 v0 = dp::load(in1 + row);
    const int v1 = int(v0);
    const float gather_rows = dp::to_float(dp::load(in0 + dp::i64(v1) * 32 + column));
    return gather_rows;
  }

  DP_METHOD float accumulate(float x, float sum) const {
    const float v0 = dp::fma(x, x, sum);
    return v0;
  }

  DP_METHOD float finish(float sum) const {
    const float v0 = sum / 32.0f;
    const float v1 = v0 + 1e-05f;
    const float v2 = dp::sqrt(v1);
    const float v3 = 1.0f / v2;
    return v3;
  }

  DP_METHOD float activation(int row, int column, float stat) const {
    const dp::i32 v0 = dp::load(in1 + row);
    const int v1 = int(v0);
    const float gather_rows = dp::to_float(dp::load(in0 + dp::i64(v1) * 32 + column));
    const float v2 = gather_rows * stat;
    const float v3 = dp::to_float(dp::load_weight(in2 + column));
    const float rms_norm = v2 * v3;
    const float rounded = dp::to_float(dp::convert<dp::bf16>(rms_norm));
    return rounded;
  }

  DP_METHOD skeletons::SwizzledMatrix<dp::bf16, 96, 32, 64> matrix(
      skeletons::Part<0>, int) const {
    return {in3};
  }

  DP_METHOD void store(skeletons::Part<0>, int row, int column,
      const float (&sums)[1], float stat) const {
    dp::store(out0 + dp::i64(row) * 96 + column, sums[0]);
  }
};

DP_KERNEL(256) gather_rows_rms_norm_linear_0(
    const dp::bf16 *in0,
    const dp::i32 *in1,
    const dp::bf16 *__restrict__ in2,
    const dp::bf16 *__restrict__ in3,
    float *out0,
    const dp::i64 *dims) {
  DP_SHARED_MEMORY(shared,
                   skeletons::matmul_shared_bytes<gather_rows_rms_norm_linear_0_cluster>());
  dp::wait_grid();
  dp::trigger_grid();
  const gather_rows_rms_norm_linear_0_cluster cluster{in0, in1, in2, in3, out0, dims};
  skeletons::matmul(cluster, dp::block(), shared);
}
DP_EXPORT(gather_rows_rms_norm_linear_0)
