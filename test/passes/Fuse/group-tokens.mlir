// RUN: mm1-opt %s --mm1-group-tokens | FileCheck %s
// RUN: mm1-opt %s --mm1-group-tokens=target=sm_90a | FileCheck %s --check-prefix=GPU

// One list for all matmuls that share the choice, right behind it.
// CHECK-LABEL: func.func @decode_2
//       CHECK:   %[[IDS:.*]], %{{.*}} = mm1.router
//  CHECK-NEXT:   %[[ORDER:.*]], %[[OFFSETS:.*]] = mm1.group_tokens %[[IDS]] : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
//       CHECK:   mm1.expert_linear %{{.*}}, %[[IDS]] grouped(%[[ORDER]], %[[OFFSETS]]) weights
//   CHECK-NOT:   mm1.group_tokens
//       CHECK:   mm1.expert_linear %{{.*}}, %[[IDS]] grouped(%[[ORDER]], %[[OFFSETS]]) weights
// A block of a GPU holds two tokens at once.
//   GPU-LABEL: func.func @decode_2
//     GPU-NOT:   mm1.group_tokens
func.func @decode_2(%x: tensor<?x64xf32>, %l: tensor<?x4xf32>, %w: tensor<4x96x64xf32>) -> (tensor<?x2x96xf32>, tensor<?x2x96xf32>)
    attributes {mm1.entry = "decode", mm1.tokens = 2 : i64, mm1.sequences = 2 : i64} {
  %ids, %rw = mm1.router %l : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %a = mm1.expert_linear %x, %ids weights(%w) : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  %b = mm1.expert_linear %x, %ids weights(%w) : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return %a, %b : tensor<?x2x96xf32>, tensor<?x2x96xf32>
}

// One token meets each of its experts once.
// CHECK-LABEL: func.func @decode_1
//   CHECK-NOT:   mm1.group_tokens
//       CHECK:   mm1.expert_linear %{{.*}}, %{{[a-z0-9]*}} weights
func.func @decode_1(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
    attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %a = mm1.expert_linear %x, %ids weights(%w) : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return %a : tensor<?x2x96xf32>
}

// What is grouped already stays so.
// CHECK-LABEL: func.func @prefill_64
//   CHECK-NOT:   mm1.group_tokens
//   GPU-LABEL: func.func @prefill_64
//     GPU-NOT:   mm1.group_tokens
func.func @prefill_64(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %o: tensor<?x2xi32>, %f: tensor<5xi32>, %w: tensor<4x96x64xf32>)
    -> tensor<?x2x96xf32> attributes {mm1.entry = "prefill", mm1.tokens = 64 : i64, mm1.sequences = 8 : i64} {
  %a = mm1.expert_linear %x, %ids grouped(%o, %f) weights(%w)
      : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x2xi32>, tensor<5xi32>, tensor<4x96x64xf32>) -> tensor<?x2x96xf32>
  return %a : tensor<?x2x96xf32>
}
