// Made by mm1c. The words are those of kernels/dp, the loops those of
// kernels/skeletons; a task of the plan is a block.
#include "dp/dp.h"
#include "skeletons/elementwise.h"
#include "skeletons/matmul.h"

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
  static constexpr bool kStoresRows = false;

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
    const float v2 = dp::load(in4 + dp::i64(row) * 32);
    const float v3 = dp::load(in4 + dp::i64(row) * 32 + 1);
    const float v4 = v2 + v3;
    const float v5 = dp::load(in4 + dp::i64(row) * 32 + 2);
    const float v6 = v4 + v5;
    const float v7 = dp::load(in4 + dp::i64(row) * 32 + 3);
    const float v8 = v6 + v7;
    const float v9 = v8 / 64.0f;
    const float v10 = v9 + 1e-06f;
    const float v11 = dp::sqrt(v10);
    const float v12 = 1.0f / v11;
    const float norm_rows = sums[0] * v12;
    const float v13 = 1.0f * norm_rows;
    const float residual = v1 + v13;
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
  dp::wait_grid();
  dp::trigger_grid();
  const scale_columns_sigmoid_gate_linear_norm_rows_residual_0_cluster cluster{in0, in1, in2, in3, in4, in5, out0, dims};
  skeletons::matmul(cluster, dp::block(), {});
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

// @begin_0: no CUDA emitter yet

// @lightning_attention_sum_squares_0: no CUDA emitter yet

// @router_expert_linear_silu_mul_0: no CUDA emitter yet

// @router_expert_linear_combine_residual_0: no CUDA emitter yet

// @rope_cache_append_softmax_attention_0: no CUDA emitter yet

// @router_expert_linear_combine_residual_1: no CUDA emitter yet

// @top_candidates_0: no CUDA emitter yet

// @publish_0: no CUDA emitter yet

// @begin_1: no CUDA emitter yet

// Made by mm1c. The words are those of kernels/dp, the loops those of
// kernels/skeletons; a task of the plan is a block.
#include "dp/dp.h"
#include "skeletons/matmul.h"

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

// @rope_cache_append_0: no CUDA emitter yet

// @rope_softmax_attention_0: no CUDA emitter yet

// @begin_2: no CUDA emitter yet
