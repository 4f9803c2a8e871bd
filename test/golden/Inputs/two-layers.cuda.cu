// Made by mm1c. The words are those of kernels/dp/dp.h; a task of the plan is a block.
#include "dp/dp.h"

// @begin_0: no CUDA emitter yet

// rope_angles_0
// What    out0 = rope_angles(in0, in1)#0
//         out1 = rope_angles(in0, in1)#1
// Shapes  in0 [T] i32
//         in1 [4] f32
//         out0 [T, 4] f32
//         out1 [T, 4] f32
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
DP_KERNEL(256)
rope_angles_0(
    const dp::i32 *__restrict__ in0,
    const float *__restrict__ in1,
    float *__restrict__ out0,
    float *__restrict__ out1,
    const dp::i64 *__restrict__ dims) {
  const int row = dp::block();
  if (row < dp::tokens(dims)) {
    for (int column = dp::thread(); column < 4; column += 256) {
      const dp::i32 v0 = in0[row];
      const float v1 = float(v0);
      const float v2 = in1[column];
      const float v3 = v1 * v2;
      const double v4 = double(v3);
      const double v5 = dp::cos(v4);
      const float rope_angles = float(v5);
      const double v6 = dp::sin(v4);
      const float rope_angles_1 = float(v6);
      out0[dp::i64(row) * 32 + column] = rope_angles;
      out1[dp::i64(row) * 32 + column] = rope_angles_1;
    }
    if (dp::thread() < 28)
      out0[dp::i64(row) * 32 + 4 + dp::thread()] = 0.0f;
    if (dp::thread() < 28)
      out1[dp::i64(row) * 32 + 4 + dp::thread()] = 0.0f;
  }
}
DP_EXPORT(rope_angles_0)

// @embedding_rms_norm_linear_silu_0: no CUDA emitter yet

// @lightning_attention_sum_squares_0: no CUDA emitter yet

// @scale_columns_sigmoid_gate_linear_norm_rows_residual_0: no CUDA emitter yet

// @rms_norm_linear_0: no CUDA emitter yet

// @router_expert_linear_silu_mul_0: no CUDA emitter yet

// @router_expert_linear_combine_residual_0: no CUDA emitter yet

// @rms_norm_linear_1: no CUDA emitter yet

// @rope_cache_append_softmax_attention_0: no CUDA emitter yet

// linear_residual_0
// What    out0 = residual(in2, linear(in0, in1))
// Shapes  in0 [T, 64] bf16
//         in1 [32, 64] bf16
//         in2 [T, 32] bf16
//         out0 [T, 32] bf16
// Launch  grid 4, block 256; a warp does 4 columns at a time, for 8 rows at a time
// Bound   memory: 4096 bytes of weights for every 8 rows
DP_KERNEL(256)
linear_residual_0(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 2, 8);
  for (int panel = dp::block() * 2 + dp::warp(); panel < lastPanel; panel += 8) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 8) {
      const int count = dp::min(numRows - firstRow, 8);
      float sums0[8][4] = {};
      for (int k = dp::lane() * 8; k < 64; k += 256) {
        dp::Vector<dp::bf16, 8> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<8>(in1 + dp::i64(panel * 4 + c) * 64 + k);
        DP_UNROLL
        for (int r = 0; r < 8; ++r) {
          if (r < count) {
            const auto x = dp::load_vector<8>(in0 + dp::i64(firstRow + r) * 64 + k);
            DP_UNROLL
            for (int c = 0; c < 4; ++c) {
              sums0[r][c] = dp::dot(x, w0[c], sums0[r][c]);
            }
          }
        }
      }
      // Lane r * 4 + c finishes row r, column c.
      float sum0 = 0.0f;
      DP_UNROLL
      for (int r = 0; r < 8; ++r) {
        if (r < count) {
          DP_UNROLL
          for (int c = 0; c < 4; ++c) {
            const float all0 = dp::warp_sum(sums0[r][c]);
            sum0 = dp::lane() == r * 4 + c ? all0 : sum0;
          }
        }
      }
      const int row = firstRow + dp::lane() / 4;
      const int column = panel * 4 + dp::lane() % 4;
      if (dp::lane() / 4 < count && column < 32) {
        const float v0 = dp::to_float(in2[dp::i64(row) * 32 + column]);
        const float v1 = 1.4142135f * v0;
        const float v2 = 1.0f * sum0;
        const float residual = v1 + v2;
        out0[dp::i64(row) * 32 + column] = dp::convert<dp::bf16>(residual);
      }
    }
  }
}
DP_EXPORT(linear_residual_0)

// @router_expert_linear_combine_residual_1: no CUDA emitter yet

// @rms_norm_linear_2: no CUDA emitter yet

// @top_candidates_0: no CUDA emitter yet

// @publish_0: no CUDA emitter yet

// @begin_1: no CUDA emitter yet

// Made by mm1c. The words are those of kernels/dp/dp.h; a task of the plan is a block.
#include "dp/dp.h"

// @rope_cache_append_0: no CUDA emitter yet

// @rope_softmax_attention_0: no CUDA emitter yet

// @begin_2: no CUDA emitter yet

// @gather_rows_rms_norm_linear_0: no CUDA emitter yet
