//===- HostBuild.h - The host modules that stand for cubins ---------------===//
// A cubin's instructions are not run; the host build of the same text is. Which
// one that is a test or a Device says by the cubin's content, and it is checked
// at once that both are of one text: the same kernels, parameters and threads.
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/Engine.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mm1::emulated {

/// The bytes of the image at `code`, whose length the API does not tell: as
/// many as its header announces, or as can be read.
std::vector<std::byte> readImage(const void *code);

/// The host module that was added for these bytes, or null.
const emulation::ModuleFile *hostBuildOf(std::span<const std::byte> image);

/// Whether any of the modules that stand for a cubin tells of its accesses.
bool hasCheckedHostBuild();

} // namespace mm1::emulated
