//===- ClusterRoles.h - What may sit where in a cluster ------------------------===//
// The rules of fusion, said once: form-clusters builds by them, verify-fused checks by them. All of them are questions to
// the ops' interfaces (dialects/MM1/MM1Interfaces.td).
//
//   prologue:  residual ----> rms_norm ----> sigmoid_gate  :epilogue
//              feeds the anchor   the anchor     follows the anchor
//===---------------------------------------------------------------------------===//
#pragma once

#include "dialects/MM1/MM1.h"

namespace mlir::mm1 {

/// Whether the reader of `use` (an op with a scalar body) can read it from a register: in place, and at the reader's shape.
bool readsInRegister(OpOperand &use);

/// Whether the reader of `use` can be epilogue behind `anchor`, the maker of the value or of what the value is made of.
/// \param isAnchorResult  the value is the anchor's own result, not that of another epilogue op.
bool canFollow(OpOperand &use, AnchorOpInterface anchor, bool isAnchorResult);

/// Whether the maker of the value (an op with a scalar body) can be prologue of the reader of `use`: the anchor, or an op
/// of the prologue (in an elementwise cluster: any op).
bool canFeed(OpOperand &use);

/// Checks that every op of a cluster has a place in it by the rules above.
LogicalResult verifyRoles(ClusterOp cluster);

} // namespace mlir::mm1
