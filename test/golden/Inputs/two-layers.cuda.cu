// Made by mm1c. The words are those of kernels/dp/cuda/dp.cuh; a task of the plan is a block.
#include "dp.cuh"

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

// embedding_rms_norm_0
// What    out0 = rms_norm(embedding(in0, in1), in2)
// Shapes  in0 [T] i32
//         in1 [96, 32] bf16
//         in2 [32] bf16
//         out0 [T, 32] bf16
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
DP_KERNEL(256)
embedding_rms_norm_0(
    const dp::i32 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int row = dp::block();
  if (row < dp::tokens(dims)) {
    float kept[1], squares = 0.0f;
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      kept[i] = 0.0f;
      if (column < 32) {
        const dp::i32 v0 = in0[row];
        const int v1 = int(v0);
        const float embedding = dp::to_float(in1[dp::i64(v1) * 32 + column]);
        kept[i] = embedding;
        squares = dp::fma(kept[i], kept[i], squares);
      }
    }
    const float scale = dp::rsqrt(dp::block_sum(squares) / 32.0f + 1e-05f);
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      if (column < 32) {
        const float scaled = kept[i] * scale;
        const float v0 = dp::to_float(in2[column]);
        const float rms_norm = scaled * v0;
        out0[dp::i64(row) * 32 + column] = dp::convert<dp::bf16>(rms_norm);
      }
    }
  }
}

// linear_silu_0
// What    out0 = silu(linear(in0, in1))
// Shapes  in0 [T, 32] bf16
//         in1 [192, 32] bf16 in panels of 4 x 256
//         out0 [T, 192] bf16
// Launch  grid 12, block 128; a warp does 4 columns at a time, for 8 rows at a time
// Bound   memory: 98304 bytes of weights for every 8 rows
DP_KERNEL(128)
linear_silu_0(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 4, 48);
  for (int panel = dp::block() * 4 + dp::warp(); panel < lastPanel; panel += 4) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 8) {
      const int count = dp::min(numRows - firstRow, 8);
      const dp::bf16 *panel0 = in1 + dp::i64(panel) * 1024 + dp::lane() * 8;
      float sums0[8][4] = {};
      for (int step = 0, k = dp::lane() * 8; k < 32; ++step, k += 256) {
        dp::Vector<dp::bf16, 8> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<8>(panel0 + dp::i64(step) * 1024 + c * 256);
        DP_UNROLL
        for (int r = 0; r < 8; ++r) {
          if (r < count) {
            const auto x = dp::load_vector<8>(in0 + dp::i64(firstRow + r) * 32 + k);
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
      if (dp::lane() / 4 < count && column < 192) {
        const float v0 = -sum0;
        const float v1 = dp::exp(v0);
        const float v2 = 1.0f + v1;
        const float v3 = 1.0f / v2;
        const float silu = sum0 * v3;
        out0[dp::i64(row) * 192 + column] = dp::convert<dp::bf16>(silu);
      }
    }
  }
}

// linear_0
// What    out0 = linear(in0, in1)
// Shapes  in0 [T, 32] bf16
//         in1 [64, 32] bf16 in panels of 4 x 256
//         out0 [T, 64] bf16
// Launch  grid 4, block 128; a warp does 4 columns at a time, for 8 rows at a time
// Bound   memory: 32768 bytes of weights for every 8 rows
DP_KERNEL(128)
linear_0(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 4, 16);
  for (int panel = dp::block() * 4 + dp::warp(); panel < lastPanel; panel += 4) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 8) {
      const int count = dp::min(numRows - firstRow, 8);
      const dp::bf16 *panel0 = in1 + dp::i64(panel) * 1024 + dp::lane() * 8;
      float sums0[8][4] = {};
      for (int step = 0, k = dp::lane() * 8; k < 32; ++step, k += 256) {
        dp::Vector<dp::bf16, 8> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<8>(panel0 + dp::i64(step) * 1024 + c * 256);
        DP_UNROLL
        for (int r = 0; r < 8; ++r) {
          if (r < count) {
            const auto x = dp::load_vector<8>(in0 + dp::i64(firstRow + r) * 32 + k);
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
      if (dp::lane() / 4 < count && column < 64) {
        out0[dp::i64(row) * 64 + column] = dp::convert<dp::bf16>(sum0);
      }
    }
  }
}

// @lightning_attention_0: not emitted: no CUDA emitter for 'recurrence' clusters yet

// rms_norm_sigmoid_gate_0
// What    out0 = sigmoid_gate(rms_norm(in0, in1), in2)
// Shapes  in0 [T, 64] bf16
//         in1 [64] bf16
//         in2 [T, 64] bf16
//         out0 [T, 64] bf16
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
DP_KERNEL(256)
rms_norm_sigmoid_gate_0(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int row = dp::block();
  if (row < dp::tokens(dims)) {
    float kept[1], squares = 0.0f;
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      kept[i] = 0.0f;
      if (column < 64) {
        const float v0 = dp::to_float(in0[dp::i64(row) * 64 + column]);
        kept[i] = v0;
        squares = dp::fma(kept[i], kept[i], squares);
      }
    }
    const float scale = dp::rsqrt(dp::block_sum(squares) / 64.0f + 1e-06f);
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      if (column < 64) {
        const float scaled = kept[i] * scale;
        const float v0 = dp::to_float(in1[column]);
        const float rms_norm = scaled * v0;
        const float v1 = dp::to_float(in2[dp::i64(row) * 64 + column]);
        const float v2 = -v1;
        const float v3 = dp::exp(v2);
        const float v4 = 1.0f + v3;
        const float v5 = 1.0f / v4;
        const float sigmoid_gate = rms_norm * v5;
        out0[dp::i64(row) * 64 + column] = dp::convert<dp::bf16>(sigmoid_gate);
      }
    }
  }
}

// linear_residual_0
// What    out0 = residual(in2, linear(in0, in1))
// Shapes  in0 [T, 64] bf16
//         in1 [32, 64] bf16 in panels of 4 x 256
//         in2 [T, 32] bf16
//         out0 [T, 32] bf16
// Launch  grid 2, block 128; a warp does 4 columns at a time, for 8 rows at a time
// Bound   memory: 16384 bytes of weights for every 8 rows
DP_KERNEL(128)
linear_residual_0(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 4, 8);
  for (int panel = dp::block() * 4 + dp::warp(); panel < lastPanel; panel += 4) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 8) {
      const int count = dp::min(numRows - firstRow, 8);
      const dp::bf16 *panel0 = in1 + dp::i64(panel) * 1024 + dp::lane() * 8;
      float sums0[8][4] = {};
      for (int step = 0, k = dp::lane() * 8; k < 64; ++step, k += 256) {
        dp::Vector<dp::bf16, 8> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<8>(panel0 + dp::i64(step) * 1024 + c * 256);
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

// rms_norm_0
// What    out0 = rms_norm(in0, in1)
// Shapes  in0 [T, 32] bf16
//         in1 [32] bf16
//         out0 [T, 32] bf16
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
DP_KERNEL(256)
rms_norm_0(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int row = dp::block();
  if (row < dp::tokens(dims)) {
    float kept[1], squares = 0.0f;
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      kept[i] = 0.0f;
      if (column < 32) {
        const float v0 = dp::to_float(in0[dp::i64(row) * 32 + column]);
        kept[i] = v0;
        squares = dp::fma(kept[i], kept[i], squares);
      }
    }
    const float scale = dp::rsqrt(dp::block_sum(squares) / 32.0f + 1e-05f);
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      if (column < 32) {
        const float scaled = kept[i] * scale;
        const float v0 = dp::to_float(in1[column]);
        const float rms_norm = scaled * v0;
        out0[dp::i64(row) * 32 + column] = dp::convert<dp::bf16>(rms_norm);
      }
    }
  }
}

// linear_1
// What    out0 = linear(in0, in1)
// Shapes  in0 [T, 32] bf16
//         in1 [2, 32] f32 in panels of 4 x 128
//         out0 [T, 2] f32
// Launch  grid 1, block 128; a warp does 4 columns at a time, for 8 rows at a time
// Bound   memory: 2048 bytes of weights for every 8 rows
DP_KERNEL(128)
linear_1(
    const dp::bf16 *__restrict__ in0,
    const float *__restrict__ in1,
    float *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 1, 1);
  for (int panel = dp::block() * 1 + dp::warp(); panel < lastPanel; panel += 4) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 8) {
      const int count = dp::min(numRows - firstRow, 8);
      const float *panel0 = in1 + dp::i64(panel) * 512 + dp::lane() * 4;
      float sums0[8][4] = {};
      for (int step = 0, k = dp::lane() * 4; k < 32; ++step, k += 128) {
        dp::Vector<float, 4> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<4>(panel0 + dp::i64(step) * 512 + c * 128);
        DP_UNROLL
        for (int r = 0; r < 8; ++r) {
          if (r < count) {
            const auto x = dp::load_vector<4>(in0 + dp::i64(firstRow + r) * 32 + k);
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
      if (dp::lane() / 4 < count && column < 2) {
        out0[dp::i64(row) * 32 + column] = sum0;
      }
      if (panel == 0) {
        for (int r = 0; r < count; ++r) {
          if (dp::lane() < 30)
            out0[dp::i64(firstRow + r) * 32 + 2 + dp::lane()] = 0.0f;
        }
      }
    }
  }
}

// @router_0: not emitted: no CUDA emitter for 'routing' clusters yet

// @group_tokens_0: not emitted: no CUDA emitter for 'routing' clusters yet

// @expert_linear_silu_mul_0: not emitted: no CUDA emitter for 'grouped_matmul' clusters yet

// @expert_linear_0: not emitted: no CUDA emitter for 'grouped_matmul' clusters yet

// combine_residual_rms_norm_0
// What    out0 = rms_norm(residual(in2, combine(in0, in1)), in3)
// Shapes  in0 [T, 1, 32] bf16
//         in1 [T, 1] f32
//         in2 [T, 32] bf16
//         in3 [32] bf16
//         out0 [T, 32] bf16
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
DP_KERNEL(256)
combine_residual_rms_norm_0(
    const dp::bf16 *__restrict__ in0,
    const float *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    const dp::bf16 *__restrict__ in3,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int row = dp::block();
  if (row < dp::tokens(dims)) {
    float kept[1], squares = 0.0f;
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      kept[i] = 0.0f;
      if (column < 32) {
        const float v0 = dp::to_float(in2[dp::i64(row) * 32 + column]);
        const float v1 = 1.4142135f * v0;
        const float v2 = in1[dp::i64(row) * 32];
        const float v3 = dp::to_float(in0[(dp::i64(row) * 1) * 32 + column]);
        const float combine = v2 * v3;
        const float v4 = 1.0f * combine;
        const float residual = v1 + v4;
        kept[i] = residual;
        squares = dp::fma(kept[i], kept[i], squares);
      }
    }
    const float scale = dp::rsqrt(dp::block_sum(squares) / 32.0f + 1e-05f);
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      if (column < 32) {
        const float scaled = kept[i] * scale;
        const float v0 = dp::to_float(in3[column]);
        const float rms_norm = scaled * v0;
        out0[dp::i64(row) * 32 + column] = dp::convert<dp::bf16>(rms_norm);
      }
    }
  }
}

// linear_2
// What    out0 = linear(in0, in1, in2)#0
//         out1 = linear(in0, in1, in2)#1
// Shapes  in0 [T, 32] bf16
//         in1 [32, 32] bf16 in panels of 4 x 256
//         in2 [32, 32] bf16 in panels of 4 x 256
//         out0 [T, 32] bf16
//         out1 [T, 32] bf16
// Launch  grid 2, block 128; a warp does 4 columns at a time, for 4 rows at a time
// Bound   memory: 32768 bytes of weights for every 4 rows
DP_KERNEL(128)
linear_2(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    dp::bf16 *__restrict__ out0,
    dp::bf16 *__restrict__ out1,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 4, 8);
  for (int panel = dp::block() * 4 + dp::warp(); panel < lastPanel; panel += 4) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 4) {
      const int count = dp::min(numRows - firstRow, 4);
      const dp::bf16 *panel0 = in1 + dp::i64(panel) * 1024 + dp::lane() * 8;
      float sums0[4][4] = {};
      const dp::bf16 *panel1 = in2 + dp::i64(panel) * 1024 + dp::lane() * 8;
      float sums1[4][4] = {};
      for (int step = 0, k = dp::lane() * 8; k < 32; ++step, k += 256) {
        dp::Vector<dp::bf16, 8> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<8>(panel0 + dp::i64(step) * 1024 + c * 256);
        dp::Vector<dp::bf16, 8> w1[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w1[c] = dp::stream_vector<8>(panel1 + dp::i64(step) * 1024 + c * 256);
        DP_UNROLL
        for (int r = 0; r < 4; ++r) {
          if (r < count) {
            const auto x = dp::load_vector<8>(in0 + dp::i64(firstRow + r) * 32 + k);
            DP_UNROLL
            for (int c = 0; c < 4; ++c) {
              sums0[r][c] = dp::dot(x, w0[c], sums0[r][c]);
              sums1[r][c] = dp::dot(x, w1[c], sums1[r][c]);
            }
          }
        }
      }
      // Lane r * 4 + c finishes row r, column c.
      float sum0 = 0.0f;
      float sum1 = 0.0f;
      DP_UNROLL
      for (int r = 0; r < 4; ++r) {
        if (r < count) {
          DP_UNROLL
          for (int c = 0; c < 4; ++c) {
            const float all0 = dp::warp_sum(sums0[r][c]);
            sum0 = dp::lane() == r * 4 + c ? all0 : sum0;
            const float all1 = dp::warp_sum(sums1[r][c]);
            sum1 = dp::lane() == r * 4 + c ? all1 : sum1;
          }
        }
      }
      const int row = firstRow + dp::lane() / 4;
      const int column = panel * 4 + dp::lane() % 4;
      if (dp::lane() / 4 < count && column < 32) {
        out0[dp::i64(row) * 32 + column] = dp::convert<dp::bf16>(sum0);
        out1[dp::i64(row) * 32 + column] = dp::convert<dp::bf16>(sum1);
      }
    }
  }
}

// @rope_cache_append_0: not emitted: no CUDA emitter for 'cache_append' clusters yet

// @rope_softmax_attention_0: not emitted: no CUDA emitter for 'attention' clusters yet

// linear_3
// What    out0 = linear(in0, in1)
// Shapes  in0 [T, 32] bf16
//         in1 [96, 32] bf16 in panels of 4 x 256
//         out0 [T, 96] f32
// Launch  grid 6, block 128; a warp does 4 columns at a time, for 8 rows at a time
// Bound   memory: 49152 bytes of weights for every 8 rows
DP_KERNEL(128)
linear_3(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    float *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int numRows = dp::tokens(dims);
  const int lastPanel = dp::min((dp::block() + 1) * 4, 24);
  for (int panel = dp::block() * 4 + dp::warp(); panel < lastPanel; panel += 4) {
    for (int firstRow = 0; firstRow < numRows; firstRow += 8) {
      const int count = dp::min(numRows - firstRow, 8);
      const dp::bf16 *panel0 = in1 + dp::i64(panel) * 1024 + dp::lane() * 8;
      float sums0[8][4] = {};
      for (int step = 0, k = dp::lane() * 8; k < 32; ++step, k += 256) {
        dp::Vector<dp::bf16, 8> w0[4];
        DP_UNROLL
        for (int c = 0; c < 4; ++c)
          w0[c] = dp::stream_vector<8>(panel0 + dp::i64(step) * 1024 + c * 256);
        DP_UNROLL
        for (int r = 0; r < 8; ++r) {
          if (r < count) {
            const auto x = dp::load_vector<8>(in0 + dp::i64(firstRow + r) * 32 + k);
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
      if (dp::lane() / 4 < count && column < 96) {
        out0[dp::i64(row) * 96 + column] = sum0;
      }
    }
  }
}

// @top_candidates_0: not emitted: no CUDA emitter for 'selection' clusters yet

// @rope_softmax_attention_1: not emitted: no CUDA emitter for 'attention' clusters yet

// combine_residual_0
// What    out0 = residual(in2, combine(in0, in1))
// Shapes  in0 [T, 1, 32] bf16
//         in1 [T, 1] f32
//         in2 [T, 32] bf16
//         out0 [T, 32] bf16
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
DP_KERNEL(256)
combine_residual_0(
    const dp::bf16 *__restrict__ in0,
    const float *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int row = dp::block();
  if (row < dp::tokens(dims)) {
    for (int column = dp::thread(); column < 32; column += 256) {
      const float v0 = dp::to_float(in2[dp::i64(row) * 32 + column]);
      const float v1 = 1.4142135f * v0;
      const float v2 = in1[dp::i64(row) * 32];
      const float v3 = dp::to_float(in0[(dp::i64(row) * 1) * 32 + column]);
      const float combine = v2 * v3;
      const float v4 = 1.0f * combine;
      const float residual = v1 + v4;
      out0[dp::i64(row) * 32 + column] = dp::convert<dp::bf16>(residual);
    }
  }
}

// gather_rows_rms_norm_0
// What    out0 = rms_norm(gather_rows(in0, in1), in2)
// Shapes  in0 [T, 32] bf16
//         in1 [T] i32
//         in2 [32] bf16
//         out0 [T, 32] bf16
// Launch  grid T, block 256: a thread does every 256th column
// Bound   memory: each row once in and out
DP_KERNEL(256)
gather_rows_rms_norm_0(
    const dp::bf16 *__restrict__ in0,
    const dp::i32 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    dp::bf16 *__restrict__ out0,
    const dp::i64 *__restrict__ dims) {
  const int row = dp::block();
  if (row < dp::tokens(dims)) {
    float kept[1], squares = 0.0f;
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      kept[i] = 0.0f;
      if (column < 32) {
        const dp::i32 v0 = in1[row];
        const int v1 = int(v0);
        const float gather_rows = dp::to_float(in0[dp::i64(v1) * 32 + column]);
        kept[i] = gather_rows;
        squares = dp::fma(kept[i], kept[i], squares);
      }
    }
    const float scale = dp::rsqrt(dp::block_sum(squares) / 32.0f + 1e-05f);
    DP_UNROLL
    for (int i = 0; i < 1; ++i) {
      const int column = i * 256 + dp::thread();
      if (column < 32) {
        const float scaled = kept[i] * scale;
        const float v0 = dp::to_float(in2[column]);
        const float rms_norm = scaled * v0;
        out0[dp::i64(row) * 32 + column] = dp::convert<dp::bf16>(rms_norm);
      }
    }
  }
}
