//===- SideBySide.h - Independent jobs on all processors ------------------===//
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace mlir::mm1::cuda {

/// Calls job(0) .. job(count - 1) on `threads` threads (0: as many as
/// processors). The error is that of the first job that failed, by number; jobs
/// that have not begun by then are left out.
inline llvm::Error sideBySide(size_t count, unsigned threads,
                              llvm::function_ref<llvm::Error(size_t)> job) {
  std::vector<std::string> errors(count);
  std::atomic<size_t> next = 0;
  std::atomic<bool> hasFailed = false;
  auto work = [&] {
    for (size_t i; !hasFailed && (i = next++) < count;)
      if (llvm::Error error = job(i)) {
        errors[i] = llvm::toString(std::move(error));
        hasFailed = true;
      }
  };
  size_t most = threads ? threads : std::thread::hardware_concurrency();
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(most, count); ++i)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
  for (const std::string &error : errors)
    if (!error.empty())
      return llvm::createStringError(error);
  return llvm::Error::success();
}

} // namespace mlir::mm1::cuda
