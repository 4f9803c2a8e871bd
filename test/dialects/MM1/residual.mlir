// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @residual
//       CHECK:   mm1.residual %{{.*}}, %{{.*}} alpha = 3.500000e+00 beta = 1.000000e+00 : tensor<?x64xbf16>
func.func @residual(%a: tensor<?x64xbf16>, %b: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = mm1.residual %a, %b alpha = 3.5 beta = 1.0 : tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// Experts' rows: one for each choice of a token.
// CHECK-LABEL: func.func @choices
//       CHECK:   mm1.residual %{{.*}}, %{{.*}} alpha = 3.500000e+00 beta = 1.000000e+00 : tensor<?x2x96xf32>
func.func @choices(%a: tensor<?x2x96xf32>, %b: tensor<?x2x96xf32>) -> tensor<?x2x96xf32> {
  %y = mm1.residual %a, %b alpha = 3.5 beta = 1.0 : tensor<?x2x96xf32>
  return %y : tensor<?x2x96xf32>
}

// CHECK-LABEL: func.func @each_its_type
//       CHECK:   mm1.residual {{.*}} : (tensor<?x64xbf16>, tensor<?x64xf32>) -> tensor<?x64xbf16>
func.func @each_its_type(%a: tensor<?x64xbf16>, %b: tensor<?x64xf32>) -> tensor<?x64xbf16> {
  %y = mm1.residual %a, %b alpha = 3.5 beta = 1.0 : (tensor<?x64xbf16>, tensor<?x64xf32>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
