// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// Rows of tokens in, rows of (token, choice) pairs out.
// CHECK-LABEL: func.func @tokens
//       CHECK:   mm1.expert_linear %{{.*}}, %{{.*}} weights(%{{.*}}, %{{.*}}) : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<4x96x64xbf16>, tensor<4x96x64xbf16>) -> (tensor<?x2x96xbf16>, tensor<?x2x96xbf16>)
func.func @tokens(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>, %w1: tensor<4x96x64xbf16>,
                  %w3: tensor<4x96x64xbf16>) -> (tensor<?x2x96xbf16>, tensor<?x2x96xbf16>) {
  %g, %u = mm1.expert_linear %x, %ids weights(%w1, %w3)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<4x96x64xbf16>, tensor<4x96x64xbf16>)
        -> (tensor<?x2x96xbf16>, tensor<?x2x96xbf16>)
  return %g, %u : tensor<?x2x96xbf16>, tensor<?x2x96xbf16>
}

// Rows of pairs in, int8 weights.
// CHECK-LABEL: func.func @pairs
//       CHECK:   mm1.expert_linear %{{.*}} weights(%{{.*}}) scales(%{{.*}}) : (tensor<?x2x96xbf16>,
func.func @pairs(%x: tensor<?x2x96xbf16>, %ids: tensor<?x2xi32>, %w2: tensor<4x64x96xi8>,
                 %s2: tensor<4x64xf32>) -> tensor<?x2x64xbf16> {
  %d = mm1.expert_linear %x, %ids weights(%w2) scales(%s2)
      : (tensor<?x2x96xbf16>, tensor<?x2xi32>, tensor<4x64x96xi8>, tensor<4x64xf32>) -> tensor<?x2x64xbf16>
  return %d : tensor<?x2x64xbf16>
}

// Pairs that are grouped by expert; weights of two widths, results of two types.
// CHECK-LABEL: func.func @grouped
//       CHECK:   mm1.expert_linear %{{.*}}, %{{.*}} grouped(%{{.*}}, %{{.*}}) weights(%{{.*}}, %{{.*}}) :
//  CHECK-SAME:     -> (tensor<?x2x96xf32>, tensor<?x2x32xbf16>)
func.func @grouped(%x: tensor<?x64xbf16>, %ids: tensor<?x2xi32>, %order: tensor<?x2xi32>, %offsets: tensor<5xi32>,
                   %v: tensor<4x96x64xbf16>, %w: tensor<4x32x64xbf16>) -> (tensor<?x2x96xf32>, tensor<?x2x32xbf16>) {
  %y, %z = mm1.expert_linear %x, %ids grouped(%order, %offsets) weights(%v, %w)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<5xi32>, tensor<4x96x64xbf16>, tensor<4x32x64xbf16>)
        -> (tensor<?x2x96xf32>, tensor<?x2x32xbf16>)
  return %y, %z : tensor<?x2x96xf32>, tensor<?x2x32xbf16>
}
