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
DP_KERNEL(256)
kernel(
    const dp::bf16 *__restrict__ in0,
    const dp::bf16 *__restrict__ in1,
    const dp::bf16 *__restrict__ in2,
    dp::bf16 *__restrict__ out0,
    dp::bf16 *__restrict__ out1,
    const dp::i64 *__restrict__ dims) {
  DP_SHARED_MEMORY(shared, 128);
  const int row = dp::block();
  if (row < dp::tokens(dims)) {
    float kept[2], squares = 0.0f;
    DP_UNROLL
    for (int i = 0; i < 2; ++i) {
      const int column = i * 256 + dp::thread();
      kept[i] = 0.0f;
      if (column < 512) {
        const float v0 = dp::to_float(in0[dp::i64(row) * 544 + column]);
        const float v1 = 3.5565588f * v0;
        const float v2 = dp::to_float(in1[dp::i64(row) * 544 + column]);
        const float v3 = 1.0f * v2;
        const float residual = v1 + v3;
        kept[i] = residual;
        squares = dp::fma(kept[i], kept[i], squares);
        out0[dp::i64(row) * 544 + column] = dp::convert<dp::bf16>(residual);
      }
    }
    const float sum = dp::block_sum(
        squares, reinterpret_cast<float *>(shared.bytes));
    const float scale = dp::rsqrt(sum / 512.0f + 1e-05f);
    DP_UNROLL
    for (int i = 0; i < 2; ++i) {
      const int column = i * 256 + dp::thread();
      if (column < 512) {
        const float scaled = kept[i] * scale;
        const float v0 = dp::to_float(in2[column]);
        const float rms_norm = scaled * v0;
        out1[dp::i64(row) * 544 + column] = dp::convert<dp::bf16>(rms_norm);
      }
    }
  }
}
DP_EXPORT(kernel)
