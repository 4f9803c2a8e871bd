//===- HostFunctions.cpp - What a plan may call by name -------------------===//
#include "runtime/Device/HostFunctions.h"
#include "runtime/Device/TopCandidates.h"

namespace mm1 {

const HostFunction *findHostFunction(std::string_view name) {
  static constexpr HostFunction kFunctions[] = {
      {kTopCandidates, topCandidates, checkTopCandidates}};
  for (const HostFunction &function : kFunctions)
    if (function.name == name)
      return &function;
  return nullptr;
}

} // namespace mm1
