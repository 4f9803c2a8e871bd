//===- Compare.h - What a GPU left in memory, against the answer ----------===//
//   Difference d = compare(argument, bytes);
//   if (!d.message.empty())
//     fail(d.message);   // element 17 is 0.5; expected 0.25 within 1e-5
//===----------------------------------------------------------------------===//
#pragma once

#include "test/gpu/Kit.h"

#include <cstddef>
#include <span>
#include <string>

namespace mm1::kit {

struct Difference {
  uint64_t compared = 0; ///< elements, or bytes of memory that must not change
  uint64_t wrong = 0;
  /// Of all floats, the largest error as a part of what is allowed.
  double worst = 0;
  std::string message; ///< of the first that is wrong
};

/// \param found  all bytes of the argument, after the kernel
Difference compare(const Argument &argument, std::span<const std::byte> found);

} // namespace mm1::kit
