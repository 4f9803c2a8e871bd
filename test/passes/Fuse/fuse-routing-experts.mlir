// RUN: mm1-opt %s --mm1-form-clusters=target=sm_90a --mm1-fuse-routing-experts=target=sm_90a --split-input-file | FileCheck %s

// Both matmuls choose for themselves; neither ids nor weights are stored, and combine sums the choices in the second.
// CHECK-LABEL: func.func @decode_1
//       CHECK:   %[[H:.*]] = mm1.cluster routing, grouped_matmul(%[[L:[a-z0-9]*]], %
//       CHECK:     %[[IDS:.*]], %{{.*}} = mm1.router
//       CHECK:     mm1.expert_linear %{{.*}}, %[[IDS]] weights
//       CHECK:     mm1.yield %{{[0-9]*}} :
//       CHECK:   mm1.cluster routing, grouped_matmul(%[[L]], %[[H]],
//       CHECK:     %[[IDS:.*]], %[[W:.*]] = mm1.router
//       CHECK:     %[[D:.*]] = mm1.expert_linear %{{.*}}, %[[IDS]] weights
//       CHECK:     mm1.combine %[[D]], %[[W]]
//       CHECK:     mm1.residual
//   CHECK-NOT:   mm1.cluster
func.func @decode_1(%m: tensor<?x64xbf16>, %l: tensor<?x4xf32>, %w1: tensor<4x96x64xbf16>, %w2: tensor<4x64x96xbf16>) -> tensor<?x64xbf16>
    attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %ids, %rw = mm1.router %l : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %g = mm1.expert_linear %m, %ids weights(%w1) : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<4x96x64xbf16>) -> tensor<?x2x96xbf16>
  %h = mm1.silu %g : tensor<?x2x96xbf16>
  %d = mm1.expert_linear %h, %ids weights(%w2) : (tensor<?x2x96xbf16>, tensor<?x2xi32>, tensor<4x64x96xbf16>) -> tensor<?x2x64xbf16>
  %f = mm1.combine %d, %rw : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> tensor<?x64xbf16>
  %r = mm1.residual %m, %f alpha = 2.0 beta = 1.0 : tensor<?x64xbf16>
  return %r : tensor<?x64xbf16>
}

// -----

// Grouped by expert: the list needs the choices of all tokens in memory.
// CHECK-LABEL: func.func @prefill_64
//       CHECK:   mm1.cluster routing(
//       CHECK:   mm1.cluster routing(
//       CHECK:   mm1.cluster grouped_matmul(
func.func @prefill_64(%m: tensor<?x64xbf16>, %l: tensor<?x4xf32>, %w1: tensor<4x96x64xbf16>) -> tensor<?x2x96xbf16>
    attributes {mm1.entry = "prefill", mm1.tokens = 64 : i64, mm1.sequences = 1 : i64} {
  %ids, %rw = mm1.router %l : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %o, %f = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
  %g = mm1.expert_linear %m, %ids grouped(%o, %f) weights(%w1)
      : (tensor<?x64xbf16>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<5xi32>, tensor<4x96x64xbf16>) -> tensor<?x2x96xbf16>
  return %g : tensor<?x2x96xbf16>
}
