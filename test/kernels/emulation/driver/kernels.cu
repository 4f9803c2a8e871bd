//===- kernels.cu - Kernels for the tests of the emulated driver ----------===//
// Each does too little to be wrong in itself; some are seeded with the mistake
// that their name says.
//===----------------------------------------------------------------------===//
#include "dp/dp.h"

/// y = x * w, elementwise.
DP_KERNEL(128)
scale(const float *x, const float *w, float *y, const dp::i64 *dims) {
  dp::wait_grid();
  dp::trigger_grid();
  int i = dp::block() * 128 + dp::thread();
  if (i < dp::tokens(dims))
    dp::store(y + i, dp::load(x + i) * dp::load(w + i));
}
DP_EXPORT(scale)

/// The same, but reads what the kernel in front may still write.
DP_KERNEL(128)
scale_early(const float *x, const float *w, float *y, const dp::i64 *dims) {
  int i = dp::block() * 128 + dp::thread();
  int count = dp::tokens(dims);
  float value = i < count ? dp::load(x + i) : 0.0f;
  dp::wait_grid();
  dp::trigger_grid();
  if (i < count)
    dp::store(y + i, value * dp::load(w + i));
}
DP_EXPORT(scale_early)

/// y = x + older, where `older` is read before the wait: the kernel before the
/// one in front may have written it.
DP_KERNEL(128)
add_older(const float *x, const float *older, float *y, const dp::i64 *dims) {
  int i = dp::block() * 128 + dp::thread();
  float value = dp::load(older + i);
  dp::wait_grid();
  dp::trigger_grid();
  if (i < dp::tokens(dims))
    dp::store(y + i, dp::load(x + i) + value);
}
DP_EXPORT(add_older)

/// Writes its own memory and waits for nobody.
DP_KERNEL(128) no_wait(float *y) {
  if (dp::block() == 0)
    dp::store(y + dp::thread(), 0.0f);
}
DP_EXPORT(no_wait)

/// y[block] = the sum of its 128 numbers.
DP_KERNEL(128) block_sum(const float *x, float *y) {
  DP_SHARED_MEMORY(shared, 512);
  dp::wait_grid();
  dp::trigger_grid();
  float *values = reinterpret_cast<float *>(shared.bytes);
  values[dp::thread()] = dp::load(x + dp::block() * 128 + dp::thread());
  dp::sync_block();
  if (dp::thread() != 0)
    return;
  float sum = 0.0f;
  for (int i = 0; i < 128; ++i)
    sum += values[i];
  dp::store(y + dp::block(), sum);
}
DP_EXPORT(block_sum)

/// A token loop: the next token follows from the step block's, or from the last
/// one when that says -1; the result goes to the entry epoch % 4 of a ring in
/// host memory.
DP_KERNEL(32)
sample(const int *block, int *last, int *ring, const int *epoch) {
  dp::wait_grid();
  dp::trigger_grid();
  if (dp::thread() != 0)
    return;
  int token = dp::load(block);
  if (token < 0)
    token = dp::load(last);
  token = (token * 5 + 1) & 1023;
  dp::store(last, token);
  int now = dp::load(epoch);
  int *entry = ring + now % 4 * 2;
  dp::store(entry + 1, token);
  dp::store_release_system(entry, now + 1);
}
DP_EXPORT(sample)

DP_KERNEL(32) advance(int *epoch) {
  dp::wait_grid();
  dp::trigger_grid();
  if (dp::thread() == 0)
    dp::store(epoch, dp::load(epoch) + 1);
}
DP_EXPORT(advance)

/// Two GPUs meet: says "here" in memory of its own and waits for the other's.
DP_KERNEL(32) meet(int *mine, const int *theirs, int *out, const int *round) {
  dp::wait_grid();
  dp::trigger_grid();
  if (dp::thread() != 0)
    return;
  int now = dp::load(round);
  dp::store_release_system(mine, now);
  while (dp::load_acquire_system(theirs) < now)
    dp::spin_pause();
  dp::store(out, now);
}
DP_EXPORT(meet)

/// One thread of a warp leaves before a barrier.
DP_KERNEL(128) half_barrier(float *y) {
  dp::wait_grid();
  dp::trigger_grid();
  if (dp::thread() < 64)
    return;
  dp::sync_block();
  dp::store(y + dp::thread(), 1.0f);
}
DP_EXPORT(half_barrier)
