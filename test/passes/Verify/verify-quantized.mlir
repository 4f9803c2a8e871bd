// RUN: mm1-opt %s --mm1-verify-quantized --split-input-file | FileCheck %s

// CHECK: mm1.expert_linear
module attributes {mm1.scheme = "none"} {
  func.func @floats(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>, %w: tensor<2x96x64xf32>) {
    %y = mm1.expert_linear %x, %ids weights(%w)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xf32>) -> tensor<?x2x96xf32>
    return
  }
}

// -----

// CHECK: mm1.expert_linear
module attributes {mm1.scheme = "int8-experts"} {
  mm1.weight @w : tensor<2x96x64xi8> = #mm1.recipe<
      sources = [#mm1.source<"w" : tensor<2x96x64xf32>>], steps = [#mm1.quantize<int8_rows>]>
  mm1.weight @w.scale : tensor<2x96xf32> = #mm1.recipe<
      sources = [#mm1.source<"w" : tensor<2x96x64xf32>>], steps = [#mm1.quantize_scales<int8_rows>]>
  func.func @integers(%x: tensor<?x64xf32>, %ids: tensor<?x2xi32>) {
    %w = mm1.load_weight @w : tensor<2x96x64xi8>
    %s = mm1.load_weight @w.scale : tensor<2x96xf32>
    %y = mm1.expert_linear %x, %ids weights(%w) scales(%s)
        : (tensor<?x64xf32>, tensor<?x2xi32>, tensor<2x96x64xi8>, tensor<2x96xf32>) -> tensor<?x2x96xf32>
    return
  }
}
