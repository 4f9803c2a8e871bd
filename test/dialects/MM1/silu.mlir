// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @silu
//       CHECK:   mm1.silu %{{.*}} : tensor<?x64xbf16>
func.func @silu(%a: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = mm1.silu %a : tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// Experts' rows: one for each choice of a token.
// CHECK-LABEL: func.func @choices
//       CHECK:   mm1.silu %{{.*}} : tensor<?x2x96xf32>
func.func @choices(%a: tensor<?x2x96xf32>) -> tensor<?x2x96xf32> {
  %y = mm1.silu %a : tensor<?x2x96xf32>
  return %y : tensor<?x2x96xf32>
}

// CHECK-LABEL: func.func @each_its_type
//       CHECK:   mm1.silu %{{.*}} : (tensor<?x64xf32>) -> tensor<?x64xbf16>
func.func @each_its_type(%a: tensor<?x64xf32>) -> tensor<?x64xbf16> {
  %y = mm1.silu %a : (tensor<?x64xf32>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
