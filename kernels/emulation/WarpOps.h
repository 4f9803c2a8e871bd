//===- WarpOps.h - What the operations of a warp compute ------------------===//
// Pure functions of 32 lanes' operands (HostModule.h, WarpOp). Layouts of
// matrix fragments follow the PTX ISA, "Warp Level Matrix Instructions".
//===----------------------------------------------------------------------===//
#pragma once

#include "kernels/emulation/HostModule.h"

namespace mm1::emulation {

/// "shuffle": how kernels call it.
const char *nameOf(WarpOp op);

/// Runs `op` for a warp: values[lane] and arguments[lane] are what the lanes
/// gave; results overwrite the values.
void runWarpOp(WarpOp op, void *const *values, const int *arguments);

/// A sum of tensor cores: x cut to a float, toward zero.
float cutToFloat(double x);

} // namespace mm1::emulation
