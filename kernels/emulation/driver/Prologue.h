//===- Prologue.h - Hide from a kernel what it may not read yet -----------===//
// A kernel that may overlap the one in front reads that one's results too early
// when it reads them before its griddepcontrol.wait. Checked modules tell of
// such a read; for plain ones the results are hidden until the wait:
//
//   f writes y[0..63]     memory is compared with a copy from before f
//   g starts              y[0..63] is 0xFF: NaN
//   g comes to its wait   y[0..63] is f's again
//
// Only the first blocks of g run that far before the wait opens for all.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/driver/Clock.h"
#include "kernels/emulation/driver/Memory.h"

#include <cstddef>
#include <vector>

namespace mm1::emulated {

class Prologue {
public:
  /// A kernel starts: `moment`, ordered as `order` says. Hides what the kernel
  /// before it wrote, if the two may overlap.
  void enter(const Memory &memory, const Order &order);
  /// It is through its wait, or has ended: shows the bytes again and keeps a
  /// copy of memory as it is now.
  void leave(const Memory &memory, Moment moment);

private:
  struct Bytes {
    uintptr_t address;
    std::vector<std::byte> bytes;
  };
  /// Device memory before the main part of the last kernel.
  std::vector<Bytes> before;
  Moment last;
  std::vector<Bytes> hidden;
};

} // namespace mm1::emulated
