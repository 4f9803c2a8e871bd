//===- Bounds.h - What a device can do at best ----------------------------===//
// Two bounds hold whatever the code: bytes read from memory, and multiply-adds
// in registers. Both are measured with the workers that the model has, in the
// same run, because machines are often shared.
//===----------------------------------------------------------------------===//
#pragma once

namespace mm1 {

/// Measures when asked, again and again; figures are over all rounds so far.
class Bounds {
public:
  virtual ~Bounds() = default;

  virtual void measureRead() = 0;
  virtual void measurePeaks() = 0;

  /// Bytes per second of the fastest and of the middle round.
  virtual double bestRead() const = 0;
  virtual double medianRead() const = 0;
  /// Operations (two per multiply-add) per second over all workers; 0 where the
  /// device has no such instruction, or its kernels do not use it.
  double f32Peak = 0, bf16Peak = 0, int8Peak = 0;
};

} // namespace mm1
